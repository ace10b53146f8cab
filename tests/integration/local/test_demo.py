"""What `make run` shows of a pass, on a stack that is there already."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

from rich.console import Console

from deployments.local import demo


def test_a_run_that_fails_says_why_and_is_no_success(service, stack):
    user_id = service.new_user()
    shown = StringIO()
    path = service.upload(user_id, b'{"not": "an export"}')
    with service.without_worker(), ThreadPoolExecutor(1) as terminal:
        shows = terminal.submit(demo.run, stack, user_id, path, Console(file=shown, width=200))
        (run_id,) = service.wait(lambda: service.made_runs(user_id), bool)
        service.execute(run_id)
        assert shows.result() == 1
    output = shown.getvalue()
    assert "step=chunk_conversations: ExportError: " in output
    assert "Traceback" not in output
