"""The embedded stack: everything the full pass needs on one machine, from pip packages only.

`stack` starts it, `demo` takes an export through it. Its services are `supabase` (over `postgres`) and `messages_api`;
`processes`, `supervisor` and `ending` let nothing outlive the command. May import: what flows has without Prefect,
which takes a second.
"""
