"""Steps 5 to 9: what is known of the person, from single facts to the documents that their AI reads.

Takes the spool file of FoundFact that extraction leaves. `consolidation` makes facts that last of it: what is said in
the same words is one statement (`grouping`, `fingerprint`); a model decides (`decisions`, `merging`) which of those
that have to do with each other (`candidates`) say the same or replace each other, as far as that can be (`guards`); and
`fact_rows` gives them ids and their time. Then come `reduction`, the MEMORY document (`document`) and the five profile
sections (`sections`). May import: llm, store, chunks' form of a text, and what all share.
"""
