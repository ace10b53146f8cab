"""Supabase: the users' rows and the uploaded exports.

Takes and gives the records of `flows.records`; everything that changes more than one row, or the status, is an SQL
function (deployments/supabase/migrations), called by `rpc`. Waits for a Supabase that does not answer, and raises
StoreError, NotOwner, UserNotFound or ExportError otherwise. `open_store` connects, `current_store` is what the tasks
inside use, `use_store` puts another one in its place. May import: what all share.
"""
