"""What the documents show of the code: `make docs` writes it into them, `make check` finds what has gone stale.

Between the marks in a document stands a call of one of these modules; `cogged.txt` lists the documents.
"""
