"""Passes that faults meet: made so that afterwards it shows what was asked twice, lost, or doubled."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from tests.integration.service import FullPassService, Json

CONVERSATIONS = 12
#: The settings of a stack on which faults heal within seconds. The facts of a pass are more than one prompt may have
#: here, so that every one of the nine steps has something to do.
QUICK = {
    "FULL_PASS_RETRY_MINUTES": "0.02",
    "FULL_PASS_MAX_ATTEMPTS": "20",
    "FULL_PASS_HOOK_SECONDS": "3",
    "FULL_PASS_SILENT_SECONDS": "40",
    "MODEL_TIMEOUT_SECONDS": "90",  # of three calls that hang, the first waits for the last, also on a busy machine
    "EXTRACTION_PACK_TOKENS": "2000",  # a call for each conversation
}
#: Which call a run is in the middle of, in the steps that ask a model.
ASKS = {
    "extract_facts": "ChunkFacts",
    "generate_memory": "MemoryEntries",
    "v2_regeneration": "ProfileSections",
}
_PATIENCE_SECONDS = 600


@dataclass
class Pass:
    """One user's pass. Its marker is a word of its own in everything that is asked about the user."""

    user_id: UUID
    marker: str
    path: str
    conversations: int
    run_id: str = ""


@dataclass(frozen=True)
class Result:
    """What a pass has left behind, without its marker, so that two of them can be compared."""

    calls: int
    #: The order of facts, and so which ones MEMORY keeps, is another for each user; how many is not.
    entries: int
    sections: int
    chunks: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What a fault has cost, beside a pass that met none."""

    repeated: int  # calls
    lost: int  # rows and documents
    doubled: int
    runs: int


class Passes:
    """Makes passes on a running stack and judges them by one that nothing has happened to."""

    def __init__(self, service: FullPassService):
        self.service = service
        self._all: list[Pass] = []
        self._earlier: dict[str, int] = {}  # marker → calls that the Messages API has counted in an earlier life
        self._references: dict[int, Result] = {}

    def make(self, conversations: int = CONVERSATIONS) -> Pass:
        """A user with an uploaded export, of which so many calls of extraction are needed."""
        marker = f"qx{len(self._all):04}"
        user_id = self.service.new_user()
        self._all.append(
            Pass(user_id, marker, self.service.upload(user_id, _export(marker, conversations)), conversations)
        )
        return self._all[-1]

    def start(self, some: Iterable[Pass], **settings: str) -> None:
        for each in some:
            each.run_id = self.service.start(
                settings=settings or None, user_id=str(each.user_id), storage_path=each.path
            )

    def extracting(self) -> Pass:
        """A pass in the middle of its questions."""
        each = self.make(conversations=40)
        self.behave(latency=0.25)
        self.start([each])
        self.until(lambda: self.asked(each) >= 12)
        return each

    def complete(self, each: Pass) -> None:
        """A pass that nothing happens to."""
        self.start([each])
        self.heal([each], tick=False)

    def behave(self, *faults: Json, latency: float = 0) -> None:
        """Sets how the Messages API behaves."""
        behaviour = {"latency_seconds": latency, "faults": list(faults)}
        self.service.messages.put("/_control", json=behaviour).raise_for_status()

    def in_call(self, each: Pass, step: str) -> Json:
        """The fault by which the pass stays in the middle of the step's call."""
        return {"kind": "hang", "schema": ASKS[step], "contains": each.marker, "times": 1}

    def reach_call(self, some: Iterable[Pass]) -> None:
        """Returns when all of these passes are in the middle of a call."""
        self.service.asked(in_flight=len(list(some)), schema=None)

    def asked(self, each: Pass) -> int:
        """How many calls about the user have been made."""
        counted = self.service.messages.get("/_control", params={"contains": each.marker}).json()["about"]
        return int(counted) + self._earlier.get(each.marker, 0)

    def keep_counts(self) -> None:
        """To be called before the Messages API is killed: it forgets what it has counted."""
        self._earlier = {each.marker: self.asked(each) for each in self._all}

    def upload_again(self, each: Pass) -> str:
        """The same export under another name."""
        return self.service.upload(each.user_id, _export(each.marker, each.conversations), "again.json")

    def upload_earlier(self, each: Pass) -> str:
        """An export of before the last two conversations."""
        return self.service.upload(each.user_id, _export(each.marker, each.conversations - 2), "earlier.json")

    # Afterwards

    def row_is_true(self, each: Pass) -> bool:
        """Whether the row says failed or complete, or the run that it is said to be processed by is really alive."""
        row = self.service.row(each.user_id)
        if row["full_pass_status"] != "processing":
            return row["full_pass_status"] in ("complete", "failed")
        return bool(self.service.processes(row["full_pass_run_id"]))

    def heal(self, some: Iterable[Pass], tick: bool = True) -> dict[str, float]:
        """Lets the scheduled flow run again and again until all passes are complete; returns marker → seconds."""
        began, healed = time.monotonic(), dict[str, float]()
        some = list(some)
        while len(healed) < len(some):
            for each in some:
                row = self.service.row(each.user_id)
                if each.marker not in healed and row["full_pass_status"] == "complete":
                    healed[each.marker] = time.monotonic() - began
            seconds = time.monotonic() - began
            left = [self.service.row(each.user_id) for each in some if each.marker not in healed]
            assert seconds < _PATIENCE_SECONDS, [(row["full_pass_status"], row["full_pass_error"]) for row in left]
            if left and tick:
                self.tick()
            if left:
                time.sleep(0.2)
        return healed

    def until(self, reached: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> float:
        """Waits until something holds; returns the seconds."""
        began = time.monotonic()
        while not reached():
            assert time.monotonic() - began < seconds, "not reached in time"
            time.sleep(0.1)
        return time.monotonic() - began

    def tick(self) -> None:
        """What the schedule does."""
        self.service.retry_failed()

    def verdict(self, each: Pass) -> Verdict:
        result, reference = self._result(each), self._reference(each.conversations)
        lost = doubled = 0
        for ours, theirs in ((result.chunks, reference.chunks), (result.answers, reference.answers)):
            lost += len(set(theirs) - set(ours))
            doubled += len(ours) - len(set(ours))
        lost += max(reference.entries - result.entries, 0) + (reference.sections - result.sections)
        doubled += max(result.entries - reference.entries, 0)
        runs = self.service.row(each.user_id)["full_pass_attempts"]
        return Verdict(result.calls - reference.calls, lost, doubled, runs)

    def calls_beside_extraction(self, each: Pass) -> int:
        """How many calls a pass makes that nothing has happened to, beside those of extraction."""
        return self._reference(each.conversations).calls - each.conversations

    def _reference(self, conversations: int) -> Result:
        if conversations not in self._references:
            each = self.make(conversations)
            self.complete(each)
            self._references[conversations] = self._result(each)
        return self._references[conversations]

    def _result(self, each: Pass) -> Result:
        row = self.service.row(each.user_id)

        def plain(text: object) -> str:
            return str(text).replace(each.marker, "MARKER")

        return Result(
            calls=self.asked(each),
            entries=str(row["memory_md"]).count(f"- I like tea {each.marker}"),
            sections=sum(bool(row[f"{name}_md"]) for name in ("soul", "identity", "user", "agents", "tools")),
            chunks=tuple(sorted(plain(chunk["content"]) for chunk in self.service.chunks(each.user_id))),
            answers=tuple(
                sorted(plain([answer["outcome"], answer["facts"]]) for answer in self.service.answers(each.user_id))
            ),
        )


def _export(marker: str, conversations: int) -> list[Json]:
    """Each conversation is too large to share its call, and holds five facts."""
    filling = "and so on " * 800
    return [
        {
            "id": f"{marker}-{number}",
            "title": f"{marker} {number}",
            "createdAt": "2026-09-01T10:00:00Z",
            "messages": [
                {
                    "role": "user",
                    "content": " ".join(f"I like tea {marker} of kind {number} and {k}." for k in range(5))
                    + " "
                    + filling,
                },
                {"role": "assistant", "content": "I see."},
            ],
        }
        for number in range(10, 10 + conversations)  # two digits each: what counts is as long for all
    ]
