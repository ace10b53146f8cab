"""Which process of xdist runs which test: no more of them start a stack than have to."""

from typing import TYPE_CHECKING

from xdist.scheduler import LoadGroupScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

#: How the group of a test that needs the stack begins: what xdist hands over of a test is its name and group.
OF_STACK = "stack"
#: So many processes have a stack. A start costs as much as thirty tests, and one stack alone would end last.
STACKS = 2


class StackScheduling(LoadGroupScheduling):  # type: ignore[misc]
    """Hands tests that need the stack to the first processes, one by one; the others take the rest meanwhile.

    The rest goes file by file: to hand out a test takes longer than most of them.
    """

    def _split_scope(self, nodeid: str) -> str:
        group = str(super()._split_scope(nodeid))
        return nodeid if group == OF_STACK else group.partition("::")[0]

    def _reschedule(self, node: "WorkerController") -> None:
        if self.workqueue and not self._has_stack(node) and all(map(_needs_stack, self.workqueue)):
            node.shutdown()  # a stack for what is left would cost more than it saves
        else:
            super()._reschedule(node)

    def _assign_work_unit(self, node: "WorkerController") -> None:
        fitting = (scope for scope in self.workqueue if _needs_stack(scope) == self._has_stack(node))
        self.workqueue.move_to_end(next(fitting, next(iter(self.workqueue))), last=False)
        super()._assign_work_unit(node)

    def _has_stack(self, node: "WorkerController") -> bool:
        return bool(self.nodes.index(node) < STACKS)


def _needs_stack(scope: str) -> bool:
    return scope.rpartition("@")[2].startswith(OF_STACK)
