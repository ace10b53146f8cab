"""The webhook receiver: deliveries in, flow runs out.

`app` has its routes and how problems are answered, `bodies` what is asked and answered, `keys` who may ask,
`deliveries` what becomes of an upload, `starter` makes its run, `last_runs` are those of a user, `page` shows a status
to people, in `plain_words`; `readiness` says what is missing, `limits` has how long and how much a request may be, and
its line in the log. `connections` closes what never asks.
"""
