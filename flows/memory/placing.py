"""Which section of MEMORY a fact belongs to: that depends on the fact alone, so it moves only when the fact changes."""

from flows.records import Kind, MemorySection

_OF_A_KIND: dict[Kind, MemorySection] = {
    "preference": MemorySection.PREFERENCES,
    "project": MemorySection.PROJECTS,
    "date": MemorySection.DATES,
    "belief": MemorySection.BELIEFS,
    "decision": MemorySection.DECISIONS,
}


def section(kind: Kind, subject: str | None, slot: str | None) -> MemorySection:
    """What fills a slot of the person's life (home, work, age) says who they are, unless it is what they like."""
    if subject:
        return MemorySection.PEOPLE
    if slot and slot.startswith("project:"):
        return MemorySection.PROJECTS
    if slot and kind != "preference":
        return MemorySection.PERSON
    return _OF_A_KIND[kind]
