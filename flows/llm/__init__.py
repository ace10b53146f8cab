"""Calls to a model: what is asked, what comes back in which shape, what it cost, and how failures are borne with.

Takes a prompt and a pydantic model for the reply; gives an instance of it, or one of the ModelErrors. `open_model`
connects, `current_model` is what the tasks inside use, `use_model` puts another one in its place. `rate_limits` lets
calls wait until the account has room for them; `tokens` estimates how long a text is. May import: masking, store
(the reply cache), and what all share.
"""
