"""Which texts say the same in the same words: equal fingerprints, and only where that is certain.

What is left to the model is cheap, a fact that has become part of another is gone. So what writing alone makes differ
is one, and everything that can carry a meaning stays:

| one | told apart |
|---|---|
| NFC and NFD; full and half width, Arabic presentation forms, ㎏, ﬁ | ² ½ ™ ℝ, of which NFKC makes 2, 1⁄2, TM, R |
| case; final sigma, the Turkish İ | ß and ss (in Maßen, in Massen), ı and i (sık, sik) |
| the digits of all scripts | 1,500, 1.500, 1 500 and 1500 |
| spaces, also none beside Chinese and Japanese, before a sign (French) | Korean and Thai spaces: they part words |
| the end . ! … 。 । ۔ and their like | ? at the end, and all signs before it: commas decide in German and Russian |
| styles of apostrophes, quotes and dashes | quotes and none, tea-time and tea time, C, C++ and C# |
| bidi marks, soft hyphens, tatweel, emoji or text style | joiners (Persian words, families), vowel signs, skin tones |
| English contractions that can mean one thing; dont, im | I'd, Ana's: would or had, is or has or a possessive |
"""

import hashlib
import re
import unicodedata

import regex

_DIGEST_BYTES = 16

#: What unicodedata calls a character that is another one in another place or width. Beyond the BMP they are emoji.
_SAME_CHARACTER = {
    f"<{form}>" for form in ("wide", "narrow", "small", "square", "vertical", "initial", "medial", "final", "isolated")
}


class _Forms(dict[int, str]):
    """The one form of each character, for str.translate; looked up when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = form = self._form(chr(code))
        return form

    def _form(self, character: str) -> str:
        if (digit := unicodedata.decimal(character, None)) is not None:
            return str(digit)
        form, _, codes = unicodedata.decomposition(character).partition(" ")
        ligature = "\ufb00" <= character <= "\ufb4f" and form.startswith("<")
        same = ligature or (form in _SAME_CHARACTER and character <= "\uffff")
        # Those that begin with a space are marks that stand alone.
        if not same or codes.startswith("0020"):
            return character
        return "".join(self[int(code, 16)] for code in codes.split())


_FORMS = _Forms(
    str.maketrans(
        dict.fromkeys("‘’‚‛‹›ʻʼ′´`׳", "'")
        | dict.fromkeys("“”„‟«»″״「」『』《》〝〞〟", '"')
        | dict.fromkeys("‐‑‒–—―−", "-")
        | dict.fromkeys("、،", ",")
        | {"؛": ";", "؟": "?", "〜": "~", "…": "...", "İ": "i"}
        # Invisible, or an ornament: hyphenation, direction, width, style of an emoji, lengthening.
        | dict.fromkeys("\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff\ufe0e\ufe0f\u0640¡", "")
        | dict.fromkeys(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))), "")
    )
)

_NEGATED = (
    *("are", "could", "did", "do", "does", "had", "has", "have", "is"),
    *("might", "must", "need", "should", "was", "were", "would"),
)
_CONTRACTIONS = {
    **{f"{verb}{ending}": f"{verb} not" for verb in _NEGATED for ending in ("n't", "nt")},
    **dict.fromkeys(("can't", "cant", "cannot"), "can not"),
    **dict.fromkeys(("won't", "wont"), "will not"),
    "shan't": "shall not",
    **dict.fromkeys(("i'm", "im"), "i am"),
    **{f"{who}{ending}": f"{who} are" for who in ("they", "you") for ending in ("'re", "re")},
    "we're": "we are",
    **{f"{who}{ending}": f"{who} have" for who in ("i", "they", "we", "you") for ending in ("'ve", "ve")},
    **{f"{verb}'ve": f"{verb} have" for verb in ("could", "might", "must", "should", "would")},
    **{f"{who}'ll": f"{who} will" for who in ("he", "i", "it", "she", "that", "there", "they", "we", "who", "you")},
    **{f"{who}'s": f"{who} is" for who in ("he", "here", "how", "it", "she", "that", "there", "what", "where", "who")},
    "let's": "let us",
}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_HAS = re.compile(r"(?<=\w)'s (?=(?:been|got)\b)")
_WOULD = re.compile(r"(?<=\w)'d (?=(?:hate|like|love|prefer|rather|want)\b)")

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}ー、。，．！？：；]"
_SPACE_BESIDE_UNSPACED = regex.compile(rf" (?={_UNSPACED})|(?<={_UNSPACED}) ")
_SPACED_QUOTE = re.compile(r"« ([^«»]*) »")
_SPACE_BEFORE_SIGN = regex.compile(r"(?<=\w) (?=[:;?!,](?: |$))|(?<=\d) (?=[%‰°\p{Sc}])")
_STOPS = r"[ .!‼。։۔।॥።။។]"
_END = re.compile(rf"(?<!{_STOPS}){_STOPS}++(?=[\"')]*$)")
_QUOTED = re.compile(r'"([^"]*)"')


def fingerprint(text: str) -> bytes:
    """16 bytes that are equal for texts which say the same in the same words, in any language."""
    return hashlib.blake2b(_one_form(text).encode(), digest_size=_DIGEST_BYTES).digest()


def folded(text: str) -> str:
    """The text as two writings of it compare: case, digits, widths, styles of quotes and dashes, spaces; all words."""
    text = unicodedata.normalize("NFC", text)
    return " ".join(unicodedata.normalize("NFC", text.translate(_FORMS).lower()).replace("ς", "σ").split())


def _one_form(text: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", text).split())
    form = text if text.isascii() else _SPACED_QUOTE.sub(r"«\1»", _SPACE_BESIDE_UNSPACED.sub("", text))
    form = unicodedata.normalize("NFC", form.translate(_FORMS).lower()).replace("ς", "σ")
    form = _SPACE_BEFORE_SIGN.sub("", _without_contractions(" ".join(form.split())))
    form = _END.sub("", form)
    if quoted := _QUOTED.fullmatch(form):
        form = _END.sub("", quoted[1])
    return form.strip() or text  # nothing but full stops


def _without_contractions(text: str) -> str:
    if "'" in text:
        text = _WOULD.sub(" would ", _HAS.sub(" has ", text))
    return _WORD.sub(lambda word: _CONTRACTIONS.get(word[0], word[0]), text)
