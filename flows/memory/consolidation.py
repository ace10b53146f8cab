"""Step 5: facts that say the same become one, with all that say it."""

import hashlib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from flows import spool
from flows.records import FoundFact, KnownFact

_MAX_SOURCES = 20  # chunks named per fact; a greeting repeated a thousand times needs no more


@dataclass(frozen=True)
class Consolidated:
    facts: int  # that were read
    unique: int


def consolidate(found: Path, to: Path) -> Consolidated:
    """Writes the unique facts with their sources.

    Facts are equal when kind and text are, apart from case, spaces and punctuation. The first wording stays; of the
    dates, the latest.
    """
    unique: dict[bytes, KnownFact] = {}
    count = 0
    for fact in spool.read(found, FoundFact):
        count += 1
        known = unique.setdefault(_identity(fact), KnownFact(fact.kind, fact.text, fact.date, sources=[]))
        known.mentions += 1
        known.date = max(filter(None, (known.date, fact.date)), default=None)
        known.seen = max(filter(None, (known.seen, fact.seen)), default=None)
        if len(known.sources) < _MAX_SOURCES and fact.chunk_key not in known.sources:
            known.sources.append(fact.chunk_key)
    spool.write(to, unique.values())
    return Consolidated(count, len(unique))


def _identity(fact: FoundFact) -> bytes:
    text = unicodedata.normalize("NFKC", fact.text).casefold()
    words = "".join(character if character.isalnum() else " " for character in text).split()
    # A text of symbols only would leave nothing to tell it by.
    return hashlib.blake2b(f"{fact.kind}\n{' '.join(words) or text}".encode(), digest_size=16).digest()
