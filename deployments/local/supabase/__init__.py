"""A loopback Supabase over the embedded Postgres: what the flows use of its REST, RPC and Storage protocol.

`gateway` lets keys in (`keys` mints them), `rest`, `object_storage` and `accounts` answer, each request in a
transaction under the role of its key (`sessions`); `database` makes a database as the platform does (`platform.sql`)
and applies the migrations; `faults` lets tests say what goes wrong. Knows nothing of the Messages API beside it.
"""
