"""One export through the full pass as the web app would do it, with what happens shown in the terminal."""

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from storage3.exceptions import StorageApiError
from supabase import AsyncClient, AuthApiError, acreate_client

from deployments.local.memory_page import page, rows, terminal
from deployments.local.memory_page.remembered import Remembered, remembered
from deployments.local.processes import StackError
from deployments.local.run_log import Event, RunLog
from deployments.local.stack import Stack
from flows.records import Step
from flows.settings import ModelSettings
from flows.store.requests import SupabaseRequests

DEMO_USER = UUID("5eed5eed-0000-4000-8000-000000000001")
BUCKET = "imports"

_SECTIONS = ("soul_md", "identity_md", "user_md", "agents_md", "tools_md")
_POLL_SECONDS = 0.5
_SETTLE_SECONDS = 60  # how long the row and the log may take to follow the end of the flow run
_STAND_IN_WROTE = (
    "A rule-based stand-in wrote this, no model: it copies sentences that look like facts, far from what Claude makes "
    "of them."
)
_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def who_answers(stack: Stack) -> str:
    """The first line of the output."""
    if stack.uses_stand_in:
        return (
            "[bold yellow]Answering: a rule-based stand-in[/], because ANTHROPIC_API_KEY is not set. It copies "
            "sentences that look like facts: enough to see the pipeline work, far from what Claude makes of them."
        )
    model = os.environ.get("MEMORY_MODEL") or ModelSettings.model_fields["memory_model"].default
    if (provider := os.environ.get("MODEL_PROVIDER", "anthropic")) != "anthropic":
        return f"[bold green]Answering: {escape(model)} on {escape(provider)}[/], at its price, as users get it."
    if where := os.environ.get("ANTHROPIC_BASE_URL"):
        return f"[bold green]Answering: {escape(model)} at {escape(where)}[/]. The MEMORY is as good as that model."
    return f"[bold green]Answering: Claude[/] ({escape(model)}), at the price of its API. The MEMORY is what users get."


def user(stack: Stack) -> UUID:
    """Whose full pass it is. Raises StackError when the real project needs a user to be named."""
    given = os.environ.get("USER_ID")
    if given is None and not stack.uses_local_supabase:
        raise StackError("set USER_ID to the user of your Supabase project whose full pass this shall be")
    try:
        return UUID(given) if given else DEMO_USER
    except ValueError:
        raise StackError("USER_ID is not a UUID") from None


def upload(stack: Stack, user_id: UUID, export: Path, console: Console) -> str:
    """Puts the export, a file or a folder of several, where the web app would; returns its storage path."""
    files = _named(export)
    console.print(f"uploading {export.name} ({sum(file.stat().st_size for file in files.values()) / 1e6:.1f} MB)")
    # A folder of its own, since all that is in it belongs to the export.
    folder = f"{user_id}/{uuid4()}/" if export.is_dir() else f"{user_id}/"
    try:
        asyncio.run(_upload(stack, user_id, {folder + name: file for name, file in files.items()}))
    except (httpx.TransportError, StorageApiError) as error:
        raise StackError(f"the upload failed: {type(error).__name__}") from None
    return f"{BUCKET}/{folder}" if export.is_dir() else f"{BUCKET}/{folder}{next(iter(files))}"


def _named(export: Path) -> dict[str, Path]:
    """The files of the export by such names as Storage takes."""
    if not export.is_dir():
        return {f"export{export.suffix.lower()}": export}
    files: dict[str, Path] = {}
    for path in sorted(path for path in export.rglob("*") if path.is_file()):
        name = re.sub(r"[^A-Za-z0-9/._-]", "_", str(path.relative_to(export)))
        while name in files:  # of "ä.zip" and "ö.zip", say
            folder, _, last = name.rpartition("/")
            name = f"{folder}/_{last}".lstrip("/")
        files[name] = path
    return files


def run(stack: Stack, user_id: UUID, storage_path: str, console: Console) -> int:
    """Triggers the full pass, follows it and shows what came of it. 0 only if the row says complete."""
    started = time.monotonic()
    flow_run_id = _trigger(stack, user_id, storage_path)
    console.print(f"flow run {flow_run_id}  [dim]{stack.url('prefect')}/runs/flow-run/{flow_run_id}[/dim]\n")
    _follow(stack, flow_run_id, console)
    row = _settled(stack, user_id, flow_run_id)
    seconds = time.monotonic() - started
    if row.get("full_pass_status") != "complete" or row.get("full_pass_run_id") != flow_run_id:
        console.print(f"\n[red bold]{row.get('full_pass_status') or 'no row of user_profiles'}[/]", end="  ")
        console.print(row.get("full_pass_error") or _message(stack, flow_run_id), style="red", markup=False)
        return 1
    _show(stack, user_id, row, seconds, console)
    return 0


def show_addresses(stack: Stack, user_id: UUID, storage_path: str, console: Console) -> None:
    """What `make up` prints."""
    body = json.dumps({"user_id": str(user_id), "storage_path": storage_path})
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_row("Prefect UI", f"{stack.url('prefect')}, which asks for {stack.prefect_login}")
    table.add_row("Webhook", f"{stack.url('webhook')}/process-full-v2")
    table.add_row("Supabase", stack.environment["SUPABASE_URL"])
    if stack.uses_local_supabase:
        table.add_row("Database", stack.database_url)
    table.add_row("Logs", os.path.relpath(stack.state / "logs"))
    console.print(table)
    console.print("\nStart a full pass of the uploaded export:\n")
    # Plain print: the line must survive a copy, so nothing may wrap or style it.
    print(
        f"curl -X POST {stack.url('webhook')}/process-full-v2 -H 'Content-Type: application/json' "
        f"-H 'Authorization: Bearer {stack.environment['WEBHOOK_KEY']}' -d '{body}'",
        flush=True,
    )
    console.print("\nCtrl-C stops everything.")


# The web app's part


async def _client(stack: Stack) -> AsyncClient:
    return await acreate_client(stack.environment["SUPABASE_URL"], stack.environment["SUPABASE_SERVICE_KEY"])


async def _upload(stack: Stack, user_id: UUID, files: Mapping[str, Path]) -> None:
    client = await _client(stack)
    if stack.uses_local_supabase:
        with suppress(AuthApiError):  # registered already
            await client.auth.admin.create_user({"id": str(user_id), "email": f"{user_id}@example.com"})
        await client.table("user_profiles").upsert({"user_id": str(user_id)}, on_conflict="user_id").execute()
    for name, file in files.items():
        await client.storage.from_(BUCKET).upload(name, file, {"upsert": "true"})


def _trigger(stack: Stack, user_id: UUID, storage_path: str) -> str:
    answer = httpx.post(
        f"{stack.url('webhook')}/process-full-v2",
        json={"user_id": str(user_id), "storage_path": storage_path},
        headers={"Authorization": f"Bearer {stack.environment['WEBHOOK_KEY']}"},
        timeout=30,
    )
    if answer.status_code != 202:
        raise StackError(f"the webhook receiver answered {answer.status_code}: {answer.text}")
    return str(answer.json()["flow_run_id"])


# Following the run


def _follow(stack: Stack, flow_run_id: str, console: Console) -> None:
    with (
        stack.prefect_client() as prefect,
        Progress(
            TextColumn("    {task.description:<24}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        ) as bars,
    ):
        log = RunLog(prefect, flow_run_id)
        bar: TaskID | None = None
        last = ""
        deadline = None
        while True:
            state = prefect.get(f"/flow_runs/{flow_run_id}").raise_for_status().json()["state_type"]
            for event in log.new():
                bar = _show_event(event, bars, bar, console)
                last = event.step
            if state in _FINAL:
                # A run sends the last lines of its log after its last state; one that was killed sends none.
                deadline = deadline or time.monotonic() + _SETTLE_SECONDS
                unfinished = bar is not None or (state == "COMPLETED" and last != Step.V2_REGENERATION)
                killed = state in {"CRASHED", "CANCELLED"}
                if killed or not unfinished or time.monotonic() > deadline:
                    return
            for service in stack.services.values():
                service.check()
            time.sleep(_POLL_SECONDS)


def _show_event(event: Event, bars: Progress, bar: TaskID | None, console: Console) -> TaskID | None:
    if event.status == "started":
        return bars.add_task(event.step, total=None)
    if event.status == "progress":
        if bar is not None:
            bars.update(bar, completed=int(event.metrics["done"]), total=int(event.metrics["total"]))
        if not console.is_terminal:
            console.print(f"    {event.step}  {event.metrics['done']} of {event.metrics['total']}")
        return bar
    if bar is not None:
        bars.remove_task(bar)
    number = list(Step).index(Step(event.step)) + 1 if event.step in list(Step) else 0
    mark = "[green]✓[/]" if event.status == "completed" else "[red]✗[/]"
    metrics = dict(event.metrics)
    seconds = metrics.pop("seconds", "?")
    console.print(
        f"{mark} {number} {event.step:<24} {seconds:>6} s  "
        f"[dim]{'  '.join(f'{key} {value}' for key, value in metrics.items())}[/dim]"
    )
    return None


def _settled(stack: Stack, user_id: UUID, flow_run_id: str) -> dict[str, Any]:
    """The user's row once it no longer says processing by this run; the hook that writes it runs after the flow."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        row = asyncio.run(_profile(stack, user_id))
        waiting = row.get("full_pass_status") == "processing" and row.get("full_pass_run_id") == flow_run_id
        if not waiting or time.monotonic() > deadline:
            return row
        time.sleep(_POLL_SECONDS)


async def _profile(stack: Stack, user_id: UUID) -> dict[str, Any]:
    client = await _client(stack)
    answer = await client.table("user_profiles").select("*").eq("user_id", str(user_id)).limit(1).execute()
    rows: list[Any] = answer.data
    return dict(rows[0]) if rows else {}


async def _chunk_count(stack: Stack, user_id: UUID) -> int:
    client = await _client(stack)
    query = client.table("conversation_chunks").select("id", count="exact").eq("user_id", str(user_id)).limit(1)  # type: ignore[arg-type]
    return (await query.execute()).count or 0


async def _memory_rows(stack: Stack, user_id: UUID) -> rows.MemoryRows:
    return await rows.read(SupabaseRequests((await _client(stack)).postgrest, _SETTLE_SECONDS), user_id)


def _message(stack: Stack, flow_run_id: str) -> str:
    """What the flow run's last state says: where a user has no row, the error stands only there."""
    with stack.prefect_client() as prefect:
        run = prefect.get(f"/flow_runs/{flow_run_id}").json()
    return str(run["state"].get("message") or "").removeprefix("Flow run encountered an exception: ")


# What came of it


def _show(stack: Stack, user_id: UUID, row: dict[str, Any], seconds: float, console: Console) -> None:
    chunks = asyncio.run(_chunk_count(stack, user_id))
    memory = remembered(asyncio.run(_memory_rows(stack, user_id)))
    console.print()
    terminal.show(memory, console)
    _write_page(stack, memory, console)
    written = Table(title="Written", title_justify="left", show_header=False, box=None, padding=(0, 2))
    written.add_row("conversation_chunks", f"{chunks:,} rows")
    written.add_row("user_profiles.memory_md", f"{len(row['memory_md']):,} characters")
    for section in _SECTIONS:
        text = row[section]
        written.add_row(f"user_profiles.{section}", f"{len(text):,} characters" if text else "not written")
    written.add_row("user_profiles.full_pass_status", row["full_pass_status"])
    console.print(written)
    total = row["import_cost_json"]["total"]
    cost = "unknown" if total["cost_usd"] is None else f"${total['cost_usd']:.4f}"
    if stack.uses_stand_in:
        cost = f"nothing (Claude would have charged {cost} for these tokens)"
    read = sum(total[name] for name in ("input_tokens", "cache_write_tokens", "cache_read_tokens"))
    console.print(
        f"\n[bold]{total['calls']:,} calls[/], {read:,} input and {total['output_tokens']:,} output "
        f"tokens, cost {cost}, [bold]{seconds:.0f} s[/]"
    )


def _write_page(stack: Stack, memory: Remembered, console: Console) -> None:
    path = stack.state / "memory.html"
    page.write(page.page(memory, _STAND_IN_WROTE if stack.uses_stand_in else None), path)
    # Not wrapped: the name must survive a copy.
    console.print(f"page: {os.path.relpath(path)}\n", soft_wrap=True, markup=False)
