"""The five profile sections: what a model replies, and how the app has them."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from flows.memory.stems import folded

#: What models write where they should write nothing.
_NOTHINGS = (
    "unknown|n/a|na|none|null|nil|unspecified|not specified|not mentioned|not stated|not provided|not applicable"
    "|not known|no information|unclear|tbd|todo|?|-|–|—|…|unbekannt|keine angabe|nicht bekannt|keine|inconnu|inconnue"
    "|non précisé|desconocido|no especificado|desconhecido|não especificado|sconosciuto|onbekend|nieznane|nieznany|brak"
    "|неизвестно|нет|не указано|невідомо|غير معروف|לא ידוע|अज्ञात|نامشخص|bilinmiyor|알 수 없음|未知|不明|無し|无"
)
_NOTHING = frozenset(map(folded, _NOTHINGS.split("|")))


def _said_or_none(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return None if folded(line).strip(" .[]()<>\"'*_") in {"", *_NOTHING} else line


def _without_none(values: Any) -> Any:
    return [each for value in values if (each := _said_or_none(value))] if isinstance(values, list) else values


Text = Annotated[str | None, BeforeValidator(_said_or_none)]
Texts = Annotated[list[str], BeforeValidator(_without_none)]


class Rule(BaseModel):
    """A rule for answers, and the number of the wish that asks for it."""

    rule: Text
    wish: int


class Soul(BaseModel):
    communication_style: Text
    personality_traits: Texts
    tone_preferences: Text
    boundaries: list[Rule]
    humor_style: Text
    formality_level: Text
    emotional_patterns: Text


class Identity(BaseModel):
    ai_name: Text
    archetype: Text
    vibe: Text
    emoji: Text
    emoji_style: Text
    signature_greeting: Text


class User(BaseModel):
    name: Text
    location: Text
    occupation: Text
    relationships: Texts
    interests: Texts
    life_context: Text
    preferred_address: Text


class Agents(BaseModel):
    response_style: Text
    behavioral_rules: list[Rule]
    context_adaptation: Text
    memory_directives: list[Rule]
    do_not: list[Rule]


class Tools(BaseModel):
    likely_usage: Texts
    capabilities_emphasis: Texts
    output_preferences: Text
    depth_preference: Text


class ProfileSections(BaseModel):
    """The five sections as a model writes them."""

    soul: Soul
    identity: Identity
    user: User
    agents: Agents
    tools: Tools


#: Of a section: its fields, each with a text, a list of texts, or nothing.
Section = dict[str, str | list[str] | None]
#: What the app reads as one text, though it is made of rules.
_ONE_TEXT = ("boundaries", "memory_directives")


def section(fields: Mapping[str, str | list[str] | None]) -> Section:
    """As the app reads it."""
    return {name: "; ".join(value or ()) or None if name in _ONE_TEXT else value for name, value in fields.items()}


def says_something(fields: Section) -> bool:
    return any(fields.values())


def as_column(fields: Section) -> str:
    """JSON text, which is how the app reads it."""
    return json.dumps(fields, ensure_ascii=False)


def as_markdown(name: str, column: str | None) -> str:
    """The section as it stands in `soulprint_text`; empty for what says nothing."""
    fields = _fields(column)
    if fields is None:
        return f"## {name.capitalize()}\n\n{(column or '').strip()}" if (column or "").strip() else ""
    lines = [f"- {key.replace('_', ' ')}: {_shown(value)}" for key, value in fields.items() if value]
    return f"## {name.capitalize()}\n\n" + "\n".join(lines) if lines else ""


def _fields(column: str | None) -> dict[str, Any] | None:
    """None: it is no JSON object; somebody else has written it."""
    try:
        found = json.loads(column or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else " ".join(str(value).split())
