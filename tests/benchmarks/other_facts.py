"""Facts by the thousand, among which others are to be found: in nine languages, of made-up words.

How often words come follows Zipf's law, as in texts: a few are in every hundredth fact, most in one or two. Some facts
say what an earlier one says, in another sentence with the same words; some have a slot, or are about another person.
"""

import functools
import hashlib
import math
import random
from typing import Any, NamedTuple, get_args

from flows.memory.statements import Statement
from flows.records import Kind

_WORDS = 20_000  # of a language
_REPEATED = 1 / 10
_OTHERS = 1 / 8  # are about someone else
_SLOTTED = 1 / 10
_KINDS = get_args(Kind)
_SUBJECTS = tuple(f"my {who} {name}" for who in ("friend", "sister", "boss") for name in ("Tom", "Ida", "Rui", "Zoë"))
_SLOTS = ("home", "employer", "diet", "partner", "phone", "car", "gym", *(f"project:{number}" for number in range(150)))
#: Of which letters words are made in turn, and sentences for three of them.
_LANGUAGES = {
    "en": (
        ("bcdfghklmnprstvw", "aeiou"),
        ("I like {} and {} with my {}", "With {} it is {} that I want from {}", "My {} at the {} was about {}"),
    ),
    "de": (
        ("bdfghklmnprstwz", "aeiouäöü"),
        ("Ich mag {} und {} bei {}", "Bei uns ist {} immer mit {} und {}", "Am liebsten habe ich {} ohne {} im {}"),
    ),
    "fr": (
        ("bcdfgjlmnprstv", "aeiouéè"),
        ("J'aime {} et {} avec {}", "Chez moi {} va avec {} pour {}", "Le {} de mon {} est dans le {}"),
    ),
    "es": (
        ("bcdfgjlmnñprstv", "aeioué"),
        ("Me gusta {} y {} con {}", "Mi {} de {} está en {}", "Para mí {} es como {} en {}"),
    ),
    "pt": (
        ("bcdfgjlmnprstvz", "aeiouãé"),
        ("Gosto de {} e {} com {}", "O meu {} fica no {} de {}", "Para mim {} é como {} em {}"),
    ),
    "ru": (
        ("бвгджзклмнпрстх", "аеиоуы"),
        ("Я люблю {} и {} на {}", "Мой {} был в {} из {}", "Для меня {} это {} без {}"),
    ),
    "hi": (
        ("कखगचजतदनपबमरलसह", "ािीोेु"),
        ("मुझे {} और {} में {} पसंद है", "मेरा {} अब {} के {} पर है", "{} के साथ {} और {} अच्छा है"),
    ),
    "ar": (
        ("بتجحدرسصطعفقكلمنه", "اوي"),
        ("أحب ال{} و{} مع {}", "كان {} في ال{} عند {}", "عندي {} من {} إلى {}"),
    ),
    "zh": (
        ("".join(map(chr, range(0x4E00, 0x5A00, 4))),) * 2,
        ("我喜欢{}和{}还有{}", "我的{}在{}旁边的{}", "对我来说{}就是{}的{}"),
    ),
}


class Planted(NamedTuple):
    statements: list[Statement]
    repeated: list[tuple[int, int]]  # which of them say the same


def planted(count: int, seed: int = 20261001) -> Planted:
    statements, repeated = list[Statement](), list[tuple[int, int]]()
    words, chances = _vocabulary(seed)
    said: list[tuple[str, tuple[str, ...], int]] = []
    while len(statements) < count:
        earlier = chances.randrange(len(said)) if said and chances.random() < _REPEATED else None
        if earlier is None:
            language = chances.choice(list(_LANGUAGES))
            of_three = tuple(words[language][_zipf(chances)] for _ in range(3))
            said.append((language, of_three, len(statements)))
            subject = chances.choice(_SUBJECTS) if chances.random() < _OTHERS else None
            slot = chances.choice(_SLOTS) if chances.random() < _SLOTTED else None
        else:
            language, of_three, first = said[earlier]
            repeated.append((first, len(statements)))
            subject, slot = statements[first].subject, None
        sentence = chances.choice(_LANGUAGES[language][1])
        text = sentence.format(*chances.sample(of_three, 3))
        statements.append(_statement(len(statements), text, subject, slot, language, chances))
    return Planted(statements, repeated)


def _statement(
    number: int, text: str, subject: str | None, slot: str | None, language: str, chances: random.Random
) -> Statement:
    key = hashlib.blake2b(f"{number} {text}".encode(), digest_size=16).digest()
    said = f"{chances.randrange(2019, 2027)}-{chances.randrange(1, 13):02}-{chances.randrange(1, 29):02}T12:00:00Z"
    return Statement(key, text, subject, chances.choice(_KINDS), slot, "stated", language, None, None, said, said)


def _vocabulary(seed: int) -> tuple[dict[str, list[str]], random.Random]:
    """The words of each language, and the chances from there on."""
    words, state = _made_words(seed)
    chances = random.Random()
    chances.setstate(state)
    return words, chances


@functools.cache
def _made_words(seed: int) -> tuple[dict[str, list[str]], tuple[Any, ...]]:
    chances = random.Random(seed)
    return {language: _words(*letters, chances) for language, (letters, _) in _LANGUAGES.items()}, chances.getstate()


def _words(even: str, odd: str, chances: random.Random) -> list[str]:
    lengths = (2, 3) if even == odd else (4, 5, 6, 7, 8)
    return [_word(even, odd, chances.choice(lengths), chances) for _ in range(_WORDS)]


def _word(even: str, odd: str, length: int, chances: random.Random) -> str:
    return "".join(chances.choice(odd if place % 2 else even) for place in range(length))


def _zipf(chances: random.Random) -> int:
    return int(math.exp(chances.random() * math.log(_WORDS))) - 1
