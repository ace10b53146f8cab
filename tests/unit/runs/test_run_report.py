"""What the page of a run shows of a pass, how often it is written, and how a run learns that nobody wants to see it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import Artifact, FlowRun, StateType
from prefect.exceptions import ObjectNotFound

from flows.errors import RunDeleted
from flows.records import Step
from flows.runs import run_report
from flows.runs.run_report import RunReport
from flows.steps import RunRecord, StepFigures
from tests.unit import virtual_time
from tests.unit.fake_supabase import USER


class Page:
    """Prefect's artifacts, as far as a report asks for them."""

    def __init__(self) -> None:
        self.report = ""
        self.written = 0
        self.is_deleted = False

    async def read_flow_run(self, _: object) -> None:
        if self.is_deleted:
            raise ObjectNotFound(Exception("no such flow run"))

    async def read_deployment(self, _: object) -> None:
        pass

    async def read_artifacts(self, **_: object) -> list[object]:
        return []

    async def create_artifact(self, artifact: SimpleNamespace) -> object:
        await self.update_artifact(None, artifact)
        return SimpleNamespace(id=uuid4())

    async def update_artifact(self, _: object, update: SimpleNamespace) -> None:
        await asyncio.sleep(0.05)
        self.report = update.data
        self.written += 1

    async def update_flow_run_labels(self, *_: object) -> None:
        pass


@pytest.fixture
def page(monkeypatch):
    page = Page()

    @contextlib.asynccontextmanager
    async def client() -> AsyncIterator[Page]:
        yield page

    monkeypatch.setattr(run_report, "get_client", client)
    monkeypatch.setenv("SUPABASE_URL", "http://supabase.test")
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "sb_secret_test")
    return page


def shown(page, step):
    return f" {step} | running |" in page.report


def begin(record, step):
    for each in record.steps.values():
        each.status = "completed"
    record.steps[step] = StepFigures(status="running")


def report_with(record):
    return RunReport(USER, FlowRun(flow_id=uuid4(), name="full-pass · attempt 1"), record)


async def extracting():
    """The report of a run that has just begun to extract, after another step."""
    record = RunRecord()
    report = report_with(record)
    for step in (Step.SAVE_CHUNKS, Step.EXTRACT_FACTS):
        begin(record, step)
        await report.update()
    return report


def test_steps_that_follow_each_other_quickly_are_shown_together(page):
    async def scenario():
        record = RunRecord()
        report = report_with(record)
        for step in Step:
            begin(record, step)
            await report.update()
            assert shown(page, Step.DOWNLOAD_CONVERSATIONS)  # that it has begun, at once
            await asyncio.sleep(0.5)
        await report.end("Completed", "complete: 3 facts")

    virtual_time.run(scenario())
    assert page.report.startswith("**complete: 3 facts**")
    assert page.written == 2


def test_a_step_that_takes_long_is_shown_within_ten_seconds(page):
    async def scenario():
        report = await extracting()
        assert not shown(page, Step.EXTRACT_FACTS)
        await asyncio.sleep(10.2)
        assert shown(page, Step.EXTRACT_FACTS)
        await report.end("Completed")

    virtual_time.run(scenario())


def test_the_last_word_is_the_end_also_when_a_step_is_being_shown(page):
    async def scenario():
        report = await extracting()
        await asyncio.sleep(10.0 - 0.02)  # it is being written, which takes 0.05 s
        await report.end("Failed", "failed at extract_facts")
        await asyncio.sleep(20)
        assert page.report.startswith("**failed at extract_facts**")

    virtual_time.run(scenario())


@pytest.fixture
def report(monkeypatch, prefect):
    """Of a run that works."""

    @contextlib.asynccontextmanager
    async def found():
        yield prefect

    monkeypatch.setattr(run_report, "get_client", found)
    monkeypatch.setenv("SUPABASE_URL", "http://supabase.test")
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "sb_secret_test")
    record = RunRecord({Step.EXTRACT_FACTS: StepFigures(status="running")}, asked=1, to_ask=2)
    run = prefect.run(StateType.RUNNING, USER)

    async def made():
        return RunReport(USER, run, record)

    return made


def test_a_run_that_was_deleted_stops_at_the_next_step_or_within_seconds_of_questions(report, prefect):
    prefect.flow_runs.clear()

    async def first_update():
        await (await report()).update()

    async def progress():
        await (await report()).progress()

    async def required():
        await (await report()).require_run()

    for shown in (first_update, progress, required):
        with pytest.raises(RunDeleted, match="POST /retry-full-pass"):
            asyncio.run(shown())


def test_a_run_that_is_deleted_between_two_steps_stops_at_the_next(page):
    async def scenario():
        run = FlowRun(flow_id=uuid4(), name="full-pass · attempt 1", deployment_id=uuid4())
        working = RunReport(USER, run, RunRecord())
        await working.update()
        page.is_deleted = True
        await working.update()  # nothing is written so soon, so nothing is noticed
        await asyncio.sleep(10.2)
        with pytest.raises(RunDeleted):
            await working.update()

    virtual_time.run(scenario())


def test_a_deleted_run_that_has_no_report_makes_none(report, prefect):
    prefect.flow_runs.clear()

    async def scenario():
        await (await report()).end("Failed", "failed at extract_facts: RunDeleted: …")

    asyncio.run(scenario())
    assert prefect.reports == []


def test_the_report_of_a_deleted_run_does_not_say_running_for_ever(report, prefect):
    async def scenario():
        working = await report()
        await working.update()
        prefect.flow_runs.clear()
        await working.end("Failed", "failed at extract_facts: RunDeleted: …")

    asyncio.run(scenario())
    assert prefect.reports[0].data.startswith("**failed at extract_facts: RunDeleted: …**")
    assert "Retry" not in prefect.reports[0].data


def reported(prefect, run):
    """Its report, newer than all others."""
    data = "**complete**\n\n- run before this: none\n- run after this: none yet\n"
    prefect.reports.insert(0, Artifact(id=uuid4(), data=data, flow_run_id=run.id))
    return prefect.reports[0]


def test_a_report_and_that_of_the_run_before_link_to_each_other(report, prefect):
    before = prefect.run(StateType.COMPLETED, USER)
    of_before = reported(prefect, before)
    reported(prefect, deleted := prefect.run(StateType.COMPLETED, USER))
    prefect.flow_runs.remove(deleted)
    this = prefect.run(StateType.RUNNING, USER)
    asyncio.run(shown_once(this))
    assert f"- run before this: [{str(before.id)[:8]}](/runs/flow-run/{before.id})" in prefect.reports[0].data
    assert f"- run after this: [{str(this.id)[:8]}](/runs/flow-run/{this.id})" in of_before.data


def test_an_old_run_that_is_retried_does_not_come_after_newer_ones(report, prefect):
    old = prefect.run(StateType.RUNNING, USER)
    reported(prefect, old)
    of_newer = reported(prefect, prefect.run(StateType.COMPLETED, USER))
    asyncio.run(shown_once(old))
    assert "- run before this: none" in prefect.reports[0].data
    assert "- run after this: none yet" in of_newer.data


async def shown_once(run):
    await RunReport(USER, run, RunRecord()).update()


@pytest.mark.parametrize(
    ("url", "link"),
    [
        (
            "https://abcdefghij.supabase.co",
            "(https://supabase.com/dashboard/project/abcdefghij/sql/new?content=select%20%2A%20from%20user_profiles%20"
            f"where%20user_id%20%3D%20%27{USER}%27)",
        ),
        (
            "https://db.example.com/",
            f"(https://db.example.com/rest/v1/user_profiles?user_id=eq.{USER}), with the service key",
        ),
    ],
)
def test_a_report_links_to_the_row_where_people_can_see_it(report, prefect, monkeypatch, url, link):
    monkeypatch.setenv("SUPABASE_URL", url)
    asyncio.run(shown_once(prefect.run(StateType.RUNNING, USER)))
    assert f"- [row of the user]{link}" in prefect.reports[0].data


def test_a_server_that_has_lost_its_data_stops_no_run(report, prefect):
    prefect.flow_runs.clear()
    prefect.deployment = None

    async def scenario():
        await (await report()).update()

    asyncio.run(scenario())
