"""Steps 2 and 3: conversations become chunks, on disk and then in the database.

Takes what `exports` reads; gives a spool file of SpooledChunk, and the rows of conversation_chunks, of which an import
replaces those of its own source only (`sources`). A chunk's key is made of its text, so the same conversation always
gives the same chunks: extraction pays for each only once because of that. May import: exports,
llm.tokens, masking, store, and what all share.
"""
