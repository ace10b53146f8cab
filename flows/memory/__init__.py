"""Steps 5 to 9: what is known of the person, from single facts to the documents that their AI reads.

Takes the spool file of FoundFact that extraction leaves; gives KnownFacts (`consolidation`, `reduction`), the MEMORY
document (`document`) and the five profile sections (`sections`). May import: llm, store by way of llm's reply cache,
chunks' form of a text, and what all share.
"""
