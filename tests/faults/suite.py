"""What the scenarios work with, and the line that tells what one of them has cost a pass."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import psutil

from deployments.local.stack import Stack
from tests.faults.passes import Pass, Passes
from tests.integration.service import FINAL, FullPassService, executes


@dataclass
class Suite:
    """What the scenarios work with; `failures` are the promises that were not kept."""

    service: FullPassService
    passes: Passes
    failures: list[str] = field(default_factory=list)

    @staticmethod
    def heading() -> str:
        return (
            f"{'fault':<28}{'step':<24}{'the row afterwards':<46}{'wrong for':>8}{'repeated':>10}{'in flight':>11}"
            f"{'lost':>6}{'doubled':>9}{'runs':>6}{'complete after':>15}"
        )

    @property
    def stack(self) -> Stack:
        return self.service.stack

    def has_stopped(self, each: Pass, working: Iterable[psutil.Process]) -> bool:
        """Whether the run has ended, or none of the processes that worked at it does any more."""
        is_over = self.service.run(each.run_id)["state_type"] in FINAL
        return is_over or not any(executes(process, each.run_id) for process in working)

    def line(
        self, fault: str, step: str, each: Pass, *, said: str, true_after: float | None, in_flight: int, healed: float
    ) -> None:
        verdict = self.passes.verdict(each)
        wrong = f"{true_after:.1f} s" if true_after is not None else "-"
        print(
            f"{fault:<28}{step:<24}{said[:44]:<46}{wrong:>8}{verdict.repeated:>10}{in_flight:>11}"
            f"{verdict.lost:>6}{verdict.doubled:>9}{verdict.runs:>6}{healed:>13.1f} s",
            flush=True,
        )
        if verdict.repeated > in_flight or verdict.lost or verdict.doubled:
            self.failures.append(f"{fault} in {step}: {verdict}")
