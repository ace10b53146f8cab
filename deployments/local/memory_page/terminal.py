"""MEMORY in a terminal, wrapped to its width."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deployments.local.memory_page.remembered import Remembered

_WIDEST = 100  # characters: longer lines are hard to read


def show(memory: Remembered, console: Console) -> None:
    """Prints the entries under the titles of their sections."""
    width = min(console.width, _WIDEST)
    console.print(Text("MEMORY", style="bold"))
    if not memory.sections:
        console.print(Text("Nothing is remembered yet.", style="dim"), width=width)
    for section in memory.sections:
        console.print(Text(f"\n{section.title}", style="bold cyan"))
        lines = Table.grid(padding=(0, 1))
        for entry in section.entries:
            lines.add_row("•", Text(entry.text))
        console.print(Padding(lines, (0, 0, 0, 2)), width=width)
    console.print()
