"""Flow runs as Prefect has them, and what the user's row says of them.

Takes states, flow runs and the store; gives the state hooks (`status`), what makes rows true that no hook has written
(`reconciliation`), how runs are found and started (`flow_runs`), the slots of the tag `extraction` on the server
(`tag_slots`), and what a run works with (`run_context`). May import: steps, llm, store, and what all share.
"""
