"""The OpenAPI document is true: whatever it allows is answered as it says, and what it forbids is refused."""

import subprocess
import sys

from deployments.local.stack import ROOT
from deployments.receiver.app import app


def test_every_request_is_answered_as_the_document_says():
    """In a process of its own: only there is Schemathesis imported, which takes longer than all that it asks."""
    command = [sys.executable, "-m", "pytest", "-n0", "-p", "schemathesis.pytest.plugin"]
    ran = subprocess.run([*command, "tests/unit/receiver/contract.py"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    operations = sum(map(len, app.openapi()["paths"].values()))
    assert f"\n{operations} passed" in ran.stdout
