"""Each fact has its section of MEMORY."""

import pytest

from flows.memory.placing import section
from flows.records import Kind, MemorySection


@pytest.mark.parametrize(
    ("kind", "subject", "slot", "expected"),
    [
        ("belief", None, "home", MemorySection.PERSON),
        ("date", None, "age", MemorySection.PERSON),
        ("preference", None, "diet", MemorySection.PREFERENCES),
        ("project", None, "project:Kestrel", MemorySection.PROJECTS),
        ("decision", None, "project:Kestrel", MemorySection.PROJECTS),
        ("date", None, None, MemorySection.DATES),
        ("belief", None, None, MemorySection.BELIEFS),
        ("decision", None, None, MemorySection.DECISIONS),
        ("belief", "my sister Ida", "work", MemorySection.PEOPLE),
    ],
)
def test_a_fact_stands_where_one_would_look_for_it(
    kind: Kind, subject: str | None, slot: str | None, expected: MemorySection
) -> None:
    assert section(kind, subject, slot) == expected
