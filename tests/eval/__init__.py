"""How well a model reads: labelled excerpts, and what the real question of step 4 finds in them (`make eval`)."""
