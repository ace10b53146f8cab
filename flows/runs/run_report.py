"""What the page of a flow run shows of a pass, from its start on: artifacts with figures, never with text of the user.

One report, updated in place, under a key of the user's: the page of artifacts lists users, and for each their runs. And
while questions are asked, how many have been answered.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    ArtifactFilterType,
)
from prefect.client.schemas.objects import Artifact, FlowRun
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from flows.errors import RunDeleted
from flows.llm.client import current_model
from flows.llm.usage import RunUsage, Usage, dollars
from flows.records import Step
from flows.runs import flow_runs
from flows.runs.flow_runs import duration
from flows.settings import StoreSettings
from flows.steps import RunRecord, StepFigures

#: What changes within them is shown together: each time costs Prefect's database an event of 8 kB.
_REPORT_SECONDS = 10.0
#: The same of the progress, which in a pass of hours is shown every twentieth of its time so far.
_PROGRESS_SECONDS = 10.0
_PROGRESS_PART = 20
#: A server that does not answer ends no pass for want of a report.
_AWAY = (ObjectNotFound, PrefectHTTPStatusError, httpx.HTTPError)
#: Of each step, which of its figures are how much went in, and how much came out.
_IN_AND_OUT: dict[Step, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Step.DOWNLOAD_CONVERSATIONS: ((), ("bytes",)),
    Step.CHUNK_CONVERSATIONS: (("conversations",), ("chunks",)),
    Step.SAVE_CHUNKS: ((), ("written", "unchanged", "pruned")),
    Step.EXTRACT_FACTS: (("asked",), ("answered", "facts")),  # what was not answered is said below the table
    Step.CONSOLIDATE_FACTS: (("statements",), ("current", "superseded")),
    Step.HIERARCHICAL_REDUCE: ((), ("chosen", "left")),
    Step.GENERATE_MEMORY: (("asked",), ("entries",)),
    Step.SAVE_MEMORY: ((), ("added", "changed", "removed")),
    Step.V2_REGENERATION: ((), ("kept",)),
}
_DELETED = "the flow run was deleted while it worked; deliver the export again, or POST /retry-full-pass"
_NO_LINK = "none yet"
_AFTER = "run after this: "
_TO_DO = "What to do: "
_HOSTED = re.compile(r"https://([a-z0-9]+)\.supabase\.co")
_AGAIN = 'Retry, or `POST /retry-full-pass` with `{{"user_id": "{user_id}"}}`'
#: By the name of the state in which a run has ended, or waits.
_REMEDIES = {
    "Failed": f"what the error says; then {_AGAIN}.",
    "Cancelled": f"{_AGAIN}, goes on where it stopped.",
    "Crashed": f"look for why in the log of its worker, memory before all. Where no attempt is to come: {_AGAIN}.",
    "Suspended": "Resume here goes on where it stopped; what was answered is kept.",
}
#: Of a user's reports, among which the one of the run before is looked for; a retry of an old run has newer ones.
_MOST_REPORTS = 20


class RunReport:
    """The report of one run. What Prefect does not take now, it gets with the next change."""

    def __init__(self, user_id: UUID, run: FlowRun, record: RunRecord):
        self._user_id, self._run, self._record = user_id, run, record
        self._began = datetime.now(UTC)
        self._usage = RunUsage()
        self._report: UUID | None = None
        self.is_deleted = False  # somebody has deleted the run
        self._shown_at = -_REPORT_SECONDS
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Task[None] | None = None
        self._showing = asyncio.Lock()
        self._bar: UUID | None = None
        self._bar_at = 0.0
        self._before = "none"

    async def update(self) -> None:
        """Shows how far the run is: the first time at once, later together with what changes in the next seconds.

        Raises RunDeleted when nobody wants to see it any more.
        """
        if self.is_deleted:
            raise RunDeleted(_DELETED)
        if asyncio.get_running_loop() is not self._loop:  # step 9 has one of its own
            asyncio.run_coroutine_threadsafe(self.update(), self._loop)
        elif (seconds := self._shown_at + _REPORT_SECONDS - time.monotonic()) <= 0:
            await self._show("running")
        elif self._waiting is None:
            self._waiting = asyncio.create_task(self._show_in(seconds))

    async def _show_in(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._waiting = None
        with contextlib.suppress(RunDeleted):  # the next change raises it
            await self._show("running")

    async def _show(self, heading: str, state: str = "") -> None:
        """The first time it makes the report, and links to it from the run before; `state`: in which the run ends.

        Raises RunDeleted, unless the run has ended.
        """
        self._shown_at = time.monotonic()
        with contextlib.suppress(LookupError):
            self._usage = current_model().usage
        with contextlib.suppress(*_AWAY):
            async with self._showing, get_client() as prefect:
                if not self.is_deleted:
                    await self._require(prefect)
                elif self._report is None:
                    return
                if self._report is None:
                    self._before = await _link_from_the_run_before(prefect, self._user_id, self._run)
                told = self._markdown(heading, "" if self.is_deleted else remedy(state, self._user_id))
                if self._report is None:
                    self._report = await self._made(prefect, "markdown", told, heading, key(self._user_id))
                else:
                    await prefect.update_artifact(self._report, ArtifactUpdate(data=told, description=heading))

    async def _show_end(self, heading: str, state: str) -> None:
        try:
            await self._show(heading, state)
        except RunDeleted:  # its report stays, and says running
            await self._show(heading, state)

    async def _made(
        self, prefect: PrefectClient, kind: str, data: str | float, description: str, key: str | None = None
    ) -> UUID:
        """An artifact of the run itself, not of the task that happens to be at work when it is made."""
        artifact = ArtifactCreate(key=key, type=kind, description=description, data=data, flow_run_id=self._run.id)
        return (await prefect.create_artifact(artifact)).id

    async def end(self, state: str, message: str = "") -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        with contextlib.suppress(RunDeleted):
            await self._show_end(message or state, state)
            await self.progress(last=True)
            await self._label()

    async def progress(self, last: bool = False) -> None:
        """Shows how many questions are answered, how fast, and when all will be. Raises RunDeleted."""
        if not self._record.to_ask or (not last and time.monotonic() - self._bar_at < self._pause()):
            return
        self._bar_at = time.monotonic()
        percent, told = 100 * self._record.asked / self._record.to_ask, self._pace()
        with contextlib.suppress(*_AWAY):
            async with get_client() as prefect:
                await self._require(prefect)
                if self._bar is None:
                    self._bar = await self._made(prefect, "progress", percent, told)
                else:
                    await prefect.update_artifact(self._bar, ArtifactUpdate(data=percent, description=told))

    async def require_run(self) -> None:
        """Raises RunDeleted when somebody has deleted the run; a server that does not answer says nothing of it."""
        with contextlib.suppress(*_AWAY):
            async with get_client() as prefect:
                await self._require(prefect)

    async def _require(self, prefect: PrefectClient) -> None:
        """Raises RunDeleted. Of a server that has lost its data the deployment is gone, too: then the pass goes on."""
        try:
            await prefect.read_flow_run(self._run.id)
        except ObjectNotFound:
            if self._run.deployment_id is not None:
                await prefect.read_deployment(self._run.deployment_id)
                self.is_deleted = True
                raise RunDeleted(_DELETED) from None

    async def _label(self) -> None:
        """Adds what was spent to what the run has cost before, when it goes on after an interruption."""
        if (cost := self._usage.total().cost_usd) is not None:
            before = flow_runs.cost_of(self._run) or 0.0
            with contextlib.suppress(*_AWAY):
                async with get_client() as prefect:
                    await prefect.update_flow_run_labels(self._run.id, {flow_runs.COST_LABEL: before + cost})

    def _pause(self) -> float:
        return max(_PROGRESS_SECONDS, self._record.steps[Step.EXTRACT_FACTS].so_far() / _PROGRESS_PART)

    def _pace(self) -> str:
        step = self._record.steps[Step.EXTRACT_FACTS]
        minutes = max(step.so_far(), 1) / 60
        done, total, calls = self._record.asked, self._record.to_ask, self._usage.total(Step.EXTRACT_FACTS).calls
        pace = f"{calls / minutes:,.0f} calls a minute"
        if step.status != "running" or not done:
            return f"{done:,} of {total:,} chunks, {pace}"
        # First what is asked for first: a card shows forty characters.
        return f"{done:,} of {total:,} chunks, {duration(60 * minutes * (total - done) / done)} left, {pace}"

    def _markdown(self, heading: str, to_do: str) -> str:
        took = duration((datetime.now(UTC) - self._began).total_seconds())
        return "\n".join(
            [
                f"**{heading}**",
                "",
                f"began {self._began:%Y-%m-%d %H:%M} UTC, took {took} · {self._run.name}",
                "",
                *([f"{_TO_DO}{to_do}", ""] if to_do else []),
                *self._warnings(),
                *self._table(),
                *self._coverage(),
                *self._left_out(),
                "",
                f"- run before this: {self._before}",
                f"- {_AFTER}{_NO_LINK}",
                f"- {_row(self._user_id)}",
            ]
        )

    def _table(self) -> Iterator[str]:
        """Two that are narrow: of a wider one the page of an artifact shows no more than the half."""
        yield "| step | status | time | in → out |"
        yield "|---|---|---:|---|"
        for number, name in enumerate(Step, 1):
            step = self._record.steps.get(name, StepFigures(status="—"))
            time_taken = duration(step.so_far()) if step.began else ""
            yield f"| {number} {name} | {step.status} | {time_taken} | {_in_and_out(name, step)} |"
        used = {name: self._usage.total(name) for name in Step}
        if asked := {name: usage for name, usage in used.items() if usage.calls or usage.retries}:
            yield from ("", "| the model was asked by | calls | tokens in | tokens out | retries | cost |")
            yield "|---|---:|---:|---:|---:|---:|"
            yield from (f"| {name} | {_cells(usage)} |" for name, usage in asked.items())
            yield f"| total | {_cells(self._usage.total())} |"

    def _coverage(self) -> Iterator[str]:
        if (extraction := self._record.steps.get(Step.EXTRACT_FACTS)) and "coverage" in extraction.values:
            found = extraction.values
            yield ""
            yield (
                f"Coverage: {found['coverage']} of {found['chunks']:,} chunks have an answer; the model refused "
                f"{found['refused']:,}, {found['failed']:,} failed."
            )

    def _left_out(self) -> Iterator[str]:
        counts = {why: count for step in self._record.steps.values() for why, count in step.left_out.items()}
        if counts:
            yield from ("", "| left out of the export because | |", "|---|---:|")
            yield from (f"| {why} | {count:,} |" for why, count in sorted(counts.items(), key=lambda found: -found[1]))

    def _warnings(self) -> Iterator[str]:
        for step in self._record.steps.values():
            yield from (f"- {warning}" for warning in step.warnings)
        yield ""


async def mark(prefect: PrefectClient, run_id: UUID, heading: str, to_do: str) -> None:
    """Writes over the report of a run how it has ended; for whoever finds out what the run itself could not say."""
    asked = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]), type=ArtifactFilterType(any_=["markdown"])
    )
    with contextlib.suppress(*_AWAY):
        for report in await prefect.read_artifacts(artifact_filter=asked, sort=ArtifactSort.UPDATED_DESC, limit=1):
            rest = (line for line in str(report.data).splitlines()[1:] if not line.startswith(_TO_DO))
            told = "\n".join([f"**{heading}**", *(["", f"{_TO_DO}{to_do}"] if to_do else []), *rest])
            await prefect.update_artifact(report.id, ArtifactUpdate(data=told, description=heading))


def remedy(state: str, user_id: UUID) -> str:
    """What to do about a run in a state of this name; "" where there is nothing to do."""
    return _REMEDIES.get(state, "").format(user_id=user_id)


def key(user_id: UUID) -> str:
    return f"full-pass-{user_id}"


async def _link_from_the_run_before(prefect: PrefectClient, user_id: UUID, run: FlowRun) -> str:
    """Returns the link to it; "none" when the user had none that is still there."""
    asked = ArtifactFilter(key=ArtifactFilterKey(any_=[key(user_id)]))
    found = await prefect.read_artifacts(artifact_filter=asked, sort=ArtifactSort.UPDATED_DESC, limit=_MOST_REPORTS)
    known = await flow_runs.by_id(prefect, (str(report.flow_run_id) for report in found))
    for report in found:
        if report.flow_run_id == run.id:  # it goes on after a suspension, or was begun again
            return _kept_link(report)
        before = known.get(str(report.flow_run_id))
        if before is not None and _is_older(before, run):
            data = str(report.data).replace(f"{_AFTER}{_NO_LINK}", f"{_AFTER}{_link(run.id)}")
            await prefect.update_artifact(report.id, ArtifactUpdate(data=data))
            return _link(before.id)
    return "none"


def _is_older(one: FlowRun, other: FlowRun) -> bool:
    return one.created is None or other.created is None or one.created < other.created


def _kept_link(report: Artifact) -> str:
    _, _, after = str(report.data).partition("run before this: ")
    return after.partition("\n")[0] or "none"


def _link(run_id: UUID) -> str:
    return flow_runs.link(run_id, str(run_id)[:8])


def _row(user_id: UUID) -> str:
    """A link to the row: of a hosted project a question in the dashboard's SQL editor, else what the API answers."""
    url = str(StoreSettings().supabase_url).rstrip("/")
    if hosted := _HOSTED.fullmatch(url):
        content = quote(f"select * from user_profiles where user_id = '{user_id}'")
        return f"[row of the user](https://supabase.com/dashboard/project/{hosted[1]}/sql/new?content={content})"
    return f"[row of the user]({url}/rest/v1/user_profiles?user_id=eq.{user_id}), with the service key"


def _figures(step: StepFigures, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if name in step.values:
            value = step.values[name]
            yield f"{value:,} {name}" if isinstance(value, int) else f"{value} {name}"


def _in_and_out(name: Step, step: StepFigures) -> str:
    into, out = (", ".join(_figures(step, names)) for names in _IN_AND_OUT[name])
    return f"{into} → {out}" if into and out else into or out


def _cells(usage: Usage) -> str:
    cells = (usage.calls, usage.prompt_tokens, usage.output_tokens, usage.retries)
    return " | ".join([*(f"{cell:,}" for cell in cells), dollars(usage.cost_usd)])
