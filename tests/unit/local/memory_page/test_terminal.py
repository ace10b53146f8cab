from io import StringIO

from rich.console import Console

from deployments.local.memory_page import terminal
from deployments.local.memory_page.remembered import remembered
from flows.records import MemorySection
from tests.unit.local.memory_page.person import Person


def printed(person, width=60):
    out = StringIO()
    terminal.show(remembered(person.rows), Console(file=out, width=width, force_terminal=True, color_system=None))
    return out.getvalue()


def test_entries_are_wrapped_to_the_width_under_their_sections():
    ana = Person()
    fact = ana.fact("I like tea.")
    ana.entry("Likes tea without sugar, and in winter with a slice of lemon that is very thin.", fact)
    ana.entry("Ana's sister is a nurse.", fact, section=MemorySection.PEOPLE)
    lines = [line.rstrip() for line in printed(ana, 40).splitlines()]
    assert max(map(len, lines)) <= 40
    assert lines.index("Who you are") < lines.index("  • Likes tea without sugar, and in") < lines.index("People")


def test_what_an_entry_says_does_nothing_to_the_terminal():
    ana = Person()
    fact = ana.fact("x")
    ana.entry("\x1b]0;owned\x07\x1b[2J [bold red]loud[/] \r[link=https://example.com]click[/link]", fact)
    text = printed(ana, 200)
    assert "[bold red]loud[/]" in text
    assert not any(sign in text for sign in "\x1b\x07\r")


def test_an_empty_memory_says_so():
    assert "Nothing is remembered yet." in printed(Person())
