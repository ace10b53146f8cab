"""What the status page says in place of the names that steps, states and errors have."""

import re
from dataclasses import dataclass

from flows.records import Step
from flows.runs.flow_runs import NOT_RUN, WITHOUT_SECTIONS

STEPS = {
    Step.DOWNLOAD_CONVERSATIONS: "fetching the export",
    Step.CHUNK_CONVERSATIONS: "reading the conversations",
    Step.SAVE_CHUNKS: "storing the conversations",
    Step.EXTRACT_FACTS: "finding facts in the conversations",
    Step.CONSOLIDATE_FACTS: "putting together what says the same",
    Step.HIERARCHICAL_REDUCE: "choosing what matters most",
    Step.GENERATE_MEMORY: "writing the memory",
    Step.SAVE_MEMORY: "storing the memory",
    Step.V2_REGENERATION: "writing the profile",
}

STATUSES = {"pending": "not begun", "processing": "running", "complete": "complete", "failed": "failed"}

#: Of a run, by the name of its state in Prefect.
_STATES = {
    WITHOUT_SECTIONS: "complete, without a new profile",
    NOT_RUN: "not run: another one had the user, or had read a newer export",
    "Scheduled": "waits for a worker",
    "Late": "waits for a worker",
    "AwaitingRetry": "waits for a worker to go on",
    "Suspended": "suspended by an operator",
    "Cancelled": "stopped by an operator",
    "Cancelling": "is being stopped by an operator",
    "Crashed": "cut off: its process has died",
}

_DELIVER = "Upload the export again and deliver it."
_OPERATOR = "Whoever runs the service has to act: the message below says where."
_AGAIN = "Try it again later."

#: By the type of the error: what has happened, and what to do when it is not tried again by itself.
_ERRORS = {
    "ExportError": ("The export cannot be read.", _DELIVER),
    "NotJson": ("The export cannot be read.", _DELIVER),
    "SettingsError": ("The service is not set up as it must be.", _OPERATOR),
    "NotOwner": ("Another pass has the user.", "Wait until that has ended."),
    "StoreError": ("The database did not answer, or refused.", _AGAIN),
    "SpoolError": ("The machine has no room on its disk.", _OPERATOR),
    "ModelRefusedAccess": ("The model's provider refuses the service.", _OPERATOR),
    "SpendLimitReached": ("The account with the model's provider may spend no more for now.", _OPERATOR),
    "BudgetReached": ("The pass would cost more than it may.", _OPERATOR),
    "OutOfRetries": ("The model has failed too often.", _AGAIN),
    "IncompleteExtraction": ("The model has failed for too many of the conversations.", _AGAIN),
    "Crashed": ("The pass was cut off: its process has died.", _AGAIN),
    "RunDeleted": ("An operator has deleted the run.", "Start it again when that is wanted."),
    "Suspended": (
        "An operator has suspended the pass, and nobody has resumed it.",
        "Start it again when that is wanted.",
    ),
    "Cancelled": ("An operator has stopped the pass.", "Start it again when that is wanted."),
}
_OF_THE_MODEL = ("The model gave no answer that can be used.", _AGAIN)
_UNKNOWN = ("Something unexpected went wrong.", _OPERATOR)
_MODEL_ERRORS = {"ModelError", "RequestRejected", "PromptTooLong", "InvalidReply", "CutOff", "Refused"}

_ERROR = re.compile(r"(?:step=(?P<step>\w+): )?(?P<type>\w+): ")


@dataclass(frozen=True)
class Explained:
    """An error of `full_pass_error`: what has happened, and what to do."""

    what: str
    remedy: str

    @property
    def for_operator(self) -> bool:
        """Whether another try alone mends nothing."""
        return self.remedy == _OPERATOR


def step_of(stage: str | None) -> tuple[int, str] | None:
    """Which of the nine it is, from 1, and what it does."""
    if stage not in list(Step):
        return None
    step = Step(stage)
    return list(Step).index(step) + 1, STEPS[step]


def error(text: str) -> Explained:
    """The error of a row, whoever wrote it there."""
    found = _ERROR.match(text)
    kind = found["type"] if found else ""
    what, remedy = _OF_THE_MODEL if kind in _MODEL_ERRORS else _ERRORS.get(kind, _UNKNOWN)
    place = step_of(found["step"]) if found else None
    return Explained(f"{what} It happened in step {place[0]} of {len(Step)}, {place[1]}." if place else what, remedy)


def state(name: str) -> str:
    return _STATES.get(name, name.lower())
