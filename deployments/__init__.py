"""What runs around the flows: the webhook receiver, what is applied to a Prefect server, and the embedded stack."""

WORK_POOL = "full-pass"  # as in prefect.yaml
