"""The commands behind `make run` and `make up`."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from rich.console import Console

from deployments.local import demo
from deployments.local.processes import StackError
from deployments.local.stack import ROOT, Stack
from flows import settings
from flows.errors import FullPassError

_AGAIN_SECONDS = 0.5

SAMPLE = ROOT / "tests" / "data" / "sample_export.zip"


def main() -> int:
    arguments = _arguments()
    console = Console(highlight=False)
    _heed_signals(_stop)
    state = Path(os.environ.get("SOULPRINT_STATE") or ROOT / ".soulprint")
    stack = None
    try:
        stack = Stack(state, tell=lambda what: console.print(f"[dim]{what} …[/dim]"))
        console.print(demo.who_answers(stack))
        _check_settings(stack)
        user_id = demo.user(stack)
        stack.start()
        storage_path = demo.upload(stack, user_id, arguments.export, console)
        if arguments.command == "up":
            demo.show_addresses(stack, user_id, storage_path, console)
            signal.pause()
        return demo.run(stack, user_id, storage_path, console)
    except KeyboardInterrupt:
        _heed_signals(signal.SIG_IGN)
        console.print("\nstopped")
        return 130
    except (StackError, FullPassError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    finally:
        # A second Ctrl-C must not hide how it ends.
        _heed_signals(signal.SIG_IGN)
        if stack is not None:
            console.print("[dim]stopping …[/dim]")
            stack.stop()


def _check_settings(stack: Stack) -> None:
    groups: list[type[settings.Environment]] = [settings.PassSettings]
    if not stack.uses_local_supabase:
        groups.append(settings.StoreSettings)
    if not stack.uses_stand_in:
        groups.append(settings.ModelSettings)
    settings.check(*groups)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("run", "start the stack, take an export through the full pass, show the MEMORY, stop"),
        ("up", "start the stack and keep it running for a look, until Ctrl-C"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "export",
            nargs="?",
            type=_export,
            default=SAMPLE,
            help="an export, .zip or .json, or a folder with its files (default: the sample of an invented person)",
        )
    return parser.parse_args()


def _export(text: str) -> Path:
    path = Path(text).expanduser()
    if not (path.is_file() or (path.is_dir() and any(path.iterdir()))):
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def _heed_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """SIGINT and SIGQUIT too where the shell has had us ignore them, as it does with background jobs."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # that is nohup, which is somebody's wish
        signal.signal(signal.SIGHUP, handler)


def _stop(signal_number: int, frame: FrameType | None) -> None:
    # Where Python drops exceptions, as in a hook of a fork, this one is lost: then it comes again.
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
