"""Step 4: the facts of every chunk, asked for once.

Takes the spool file of SpooledChunk; gives one of FoundFact, of all the user's chunks, and keeps every answer in
chunk_facts as soon as it is there. `extract` is the step; it takes packs of chunks (`packing`) that have no answer yet
(`pending`), puts a `question` about each, from as many slots at a time as are the run's share (`slot_sharing`), or
hands all of them in as `message_batches`. What the person's own words do not say is no fact (`support`). May import:
runs.tag_slots, steps, chunks' form of a text, llm, store, memory's form of a fact and of its words, and what all share.
"""
