"""Steps 5 to 9: what is known of the person, from single facts to the documents that their AI reads.

Takes the spool file of FoundFact that extraction leaves. `consolidation` makes facts that last of it: what is said in
the same words is one statement (`grouping`, `fingerprint`); a model decides (`decisions`, `merging`) which of those
that have to do with each other (`candidates`) say the same or replace each other, as far as that can be (`guards`); and
`fact_rows` gives them ids and their time. Of those `selection` chooses what stands in MEMORY; a model writes `entries`
of it, which have to look like entries (`entry_form`) and be said by their facts (`entry_support`), and `document` puts
them beside those that stand. Then come the five profile sections (`sections`), of `excerpts` of the person's own words;
`section_form`, `section_checks` and `answer_rules` say what those may be. What is an order and no memory, `orders`
tells. May import: llm, store, chunks' form of a text, and what all share.
"""
