"""MEMORY as a person sees it: a page in which each entry opens to what it was made from, and the same in a terminal.

In: rows that the person may read (memory_entries, memory_facts, memory_fact_sources, titles of conversation_chunks).
Out: one HTML file without scripts, which loads nothing. An app can make the same of the same rows.

rows.py reads them, remembered.py orders them into what is shown, page.py and memory.html.j2 make the page of that,
terminal.py prints it.
"""
