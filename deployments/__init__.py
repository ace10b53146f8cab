"""What runs around the flows: the webhook receiver, what is applied to a Prefect server, and the embedded stack."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK_POOL = "full-pass"  # as in prefect.yaml
