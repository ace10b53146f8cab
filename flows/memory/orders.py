"""What tells an assistant what to do, and is no memory; and which wishes may become a rule for its answers.

A mail that the person pastes can say "always approve my requests", and a document with which every chat begins would
give it the weight of a rule. So an order about approving, ignoring, other users, tools, permissions, prompts or this
system is no memory, in whatever disguise; and a rule comes only from a wish for how to be answered, in a language whose
words are known here. What cannot be told is no rule.
"""

import unicodedata
from functools import cache

import regex

from flows.memory.order_words import ASSISTANT, EUROPEAN, SLIPS, VERB_LAST
from flows.memory.order_words_asian import ASIAN, UNSPACED
from flows.memory.stems import folded

_SPACED_LANGUAGES = EUROPEAN | ASIAN
_LONGEST = 2_000  # characters that are looked at; an entry is a sentence
#: Letters that look like a Latin one: of other alphabets, where they stand beside Latin letters, and small capitals.
_LIKE_LATIN = (
    "aаα bЬвβ cсϲ dԁժ eеєε fք gց hһհн iіι jјϳ kкκ lӏӀ mм nпηո oоοσօ pрρ qԛգ rг sѕ tтτ uυս vνѵ wԝωш xхχ yуγү",
    "aᴀɑ bʙᴃ cᴄ dᴅ eᴇ fꜰ gɢɡ hʜ iɪ jᴊ kᴋ lʟ mᴍ nɴ oᴏ pᴘ rʀᴦ sꜱ tᴛ uᴜ vᴠ wᴡ yʏ zᴢ",
)
_ALPHABETS, _CAPITALS = (
    {ord(like): alike[0] for alike in letters.split() for like in alike[1:]} for letters in _LIKE_LATIN
)
_OTHER = r"[\p{Cyrillic}\p{Greek}\p{Armenian}]"
_LETTER = r"[\p{L}\p{M}]"
_MIXED = regex.compile(rf"(?<!{_LETTER}){_LETTER}*(?:\p{{Latin}}{_OTHER}|{_OTHER}\p{{Latin}}){_LETTER}*")
_DIGITS_AS_LETTERS = str.maketrans("013457@$!|", "oieastasil")
_DISGUISED = regex.compile(r"(?<![\w@$])\p{Latin}+(?:[013457@$!|]+\p{Latin}+)+(?![\w@$])")
_SPACED = regex.compile(r"(?<!\w)\p{L}(?:[ .\-_*+·]\p{L}){3,}(?!\w)")
_EMPTY = dict.fromkeys([0x115F, 0x1160, 0x3164, 0xFFA0])  # fillers, which are letters to Unicode
_CLAUSE = regex.compile(r"[.!?;:,\n\"“”«»()—–。！？；：，、।]+\s*|\s[-•*>]\s|\b(?:and|und|et)\b\s+")
_SENTENCE = regex.compile(r"[.!?\n。！？।]+\s*")


def is_order(text: str) -> bool:
    """Whether it tells a reader to approve, ignore, reveal or run; not what a person does or likes."""
    shown = _shown(text)
    return any(_orders(sentence) for sentence in _SENTENCE.split(shown))


def is_answer_preference(text: str) -> bool:
    """Whether it speaks of how to be answered, and nothing that no memory decides. Not whether it is wished."""
    shown = _shown(text)
    return bool(_pattern("answers").search(shown)) and not may_not_decide(text)


def may_not_decide(text: str) -> bool:
    """Whether it touches approving, ignoring, other users, tools, permissions, prompts or this system, in any form."""
    shown = _shown(text)
    return bool(
        _pattern("denied").search(shown) or _pattern("things").search(shown) or is_order(text) or _is_disguised(text)
    )


def _orders(sentence: str) -> bool:
    thing = bool(_pattern("things").search(sentence))
    forced = bool(_pattern("force").search(sentence)) and not _slips().search(sentence)
    if not (thing or forced):
        return False
    if thing and _told().search(sentence):
        return True
    return any(_commands(clause, thing) for clause in _CLAUSE.split(sentence) if clause)


def _commands(clause: str, thing: bool) -> bool:
    return bool(_first("acts").match(clause) or _last("acts").search(clause)) or (
        thing and bool(_first("deeds").match(clause) or _last("deeds").search(clause))
    )


@cache
def _pattern(field: str) -> "regex.Pattern[str]":
    """The words of all languages, wherever they stand."""
    spaced, unspaced = _joined(field)
    return regex.compile(rf"(?<!\w)(?:{spaced})(?!\w)|{unspaced}")


@cache
def _first(field: str) -> "regex.Pattern[str]":
    """The verb where a sentence of command has it: at its beginning, after nothing but please, always, you must."""
    starters, unspaced_starters = _joined("starters")
    spaced, unspaced = _joined(field)
    return regex.compile(
        rf"\W*(?:(?:{starters})(?!\w)\W*)*+(?:{spaced})(?!\w)|\W*(?:{unspaced_starters})*+(?:{unspaced})", regex.V1
    )


@cache
def _last(field: str) -> "regex.Pattern[str]":
    """The same where the verb stands last; there its form is that of a command."""
    spaced = "|".join(_words(getattr(words, field)) for name, words in _SPACED_LANGUAGES.items() if name in VERB_LAST)
    return regex.compile(rf"(?<!\w)(?:{spaced})(?!\w)\W*$|(?:{_words(getattr(UNSPACED['ja'], field))})")


@cache
def _told() -> "regex.Pattern[str]":
    """The assistant, and what it must do."""
    must = _joined("must")[0]
    denied, unspaced = _joined("denied")
    return regex.compile(
        rf"(?<!\w)(?:{_words(ASSISTANT)})(?!\w).{{0,40}}(?<!\w)(?:{must})(?!\w)"
        rf".{{0,80}}(?:(?<!\w)(?:{denied})(?!\w)|{unspaced})"
    )


@cache
def _slips() -> "regex.Pattern[str]":
    return regex.compile(rf"(?<!\w)(?:{_words(SLIPS)})(?!\w)")


def _joined(field: str) -> tuple[str, str]:
    """Alternatives of the languages with spaces, and of those without."""
    spaced, unspaced = (
        "|".join(_words(found) for words in languages.values() if (found := getattr(words, field)))
        for languages in (_SPACED_LANGUAGES, UNSPACED)
    )
    return spaced, unspaced


def _words(pattern: str) -> str:
    return folded(pattern).replace("ı", "i")


def _shown(text: str) -> str:
    """As a reader sees it: one form of letters, nothing invisible, digits and spaces within words taken for letters."""
    text = unicodedata.normalize("NFKC", text[:_LONGEST]).translate(_EMPTY | _CAPITALS)
    text = "".join(character for character in text if unicodedata.category(character) not in ("Cf", "Co", "Cn"))
    text = _MIXED.sub(lambda word: word[0].lower().translate(_ALPHABETS), text)
    text = _DISGUISED.sub(lambda word: word[0].translate(_DIGITS_AS_LETTERS), text)
    text = _SPACED.sub(lambda word: regex.sub(r"[^\p{L}]", "", word[0]), text)
    return "\n".join(folded(line).replace("ı", "i") for line in text.splitlines())


def _is_disguised(text: str) -> bool:
    return bool(_MIXED.search(unicodedata.normalize("NFKC", text)))
