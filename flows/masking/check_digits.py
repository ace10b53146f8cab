"""Numbers whose check digits say what they are: payment cards and bank accounts.

Sources: ISO/IEC 7812 (card numbers, the Luhn formula), ISO 13616 and SWIFT's IBAN registry (lengths by country).
"""

import re
from collections.abc import Iterator

from flows.masking.folding import Folded
from flows.masking.secret import Secret

_SEPARATOR = r"(?:[ -]|\r?\n)"
_GROUP = rf"{_SEPARATOR}[0-9]{{4}}"
# Not within a longer number, a decimal, a word, a path or an identifier with dashes; the month and year of its end may
# follow.
_CARD = re.compile(
    r"(?<![A-Za-z0-9_#/])(?<![0-9][.,:-])(?<![0-9]{4} )(?<![A-Za-z]-)"
    rf"(?:[2-6][0-9]{{13,18}}|[2-6][0-9]{{3}}{_GROUP}{_GROUP}{_GROUP}(?:{_SEPARATOR}[0-9]{{3}}(?![0-9]))?"
    rf"|3[0-9]{{3}}{_SEPARATOR}[0-9]{{6}}{_SEPARATOR}[0-9]{{4,5}}|[2-6][0-9]{{7}}{_SEPARATOR}[0-9]{{8}})"
    r"(?![0-9]|-[0-9]|[A-Za-z_.,][0-9A-Za-z])(?! (?!(?:0[1-9]|1[0-2])[0-9]{2})[0-9]{4}(?![0-9]))"
)
#: Issuer's first digits → how many digits there are.
_ISSUERS = (
    (re.compile("4"), (16, 19)),  # Visa; the old ones of 13 have died out, and article numbers look like them
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile("3[47]"), (15,)),  # American Express
    (re.compile("6011|65|64[4-9]"), (16, 19)),  # Discover
    (re.compile("35(?:2[89]|[3-8])"), (16,)),  # JCB
    (re.compile("30[0-5]|3[689]"), (14,)),  # Diners Club
    (re.compile("62"), (16, 19)),  # UnionPay
    (re.compile("5018|5020|5038|5893|6304|6759|676[1-3]"), (16, 18, 19)),  # Maestro
)
# What an order number that passes by chance is called, in the words before it.
_ANOTHER_NUMBER = re.compile(
    r"\b(?:order|invoice|tracking|ticket|case|serial|sku|item|article|parcel|shipment|reference|booking|customer|isbn|ean"
    r"|imei|bestell\w*|rechnung\w*|sendung\w*|auftrag\w*|kunden\w*|pedido|factura|env[ií]o|commande|facture|colis|ordine"
    r"|fattura|bestelling|zam[oó]wieni\w*|заказ\w*)\b[^\n]{0,15}$"
)
_CONTEXT = 40  # characters

# What has neither is passed over fast; a pattern that begins with its digits is found fast.
_MANY_DIGITS = re.compile(rf"[0-9](?:{_SEPARATOR}?[0-9]){{13}}")
_IBAN = re.compile(rf"[0-9]{{2}}(?<=[A-Za-z]{{2}}..)(?<![A-Za-z0-9]....)(?:{_SEPARATOR}?[A-Za-z0-9]){{11,30}}")
_IBAN_LENGTHS = {
    length: countries.split()
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FO FI GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "LC MT",
        32: "SC",
        33: "RU",
    }.items()
}
_LENGTH = {country: length for length, countries in _IBAN_LENGTHS.items() for country in countries}


def found(text: Folded) -> Iterator[Secret]:
    if _MANY_DIGITS.search(text.text):
        yield from _cards(text)
    yield from _ibans(text.text)


def _cards(text: Folded) -> Iterator[Secret]:
    for match in _CARD.finditer(text.text):
        if _is_card(match.group()) and not _is_called_otherwise(text.lower, match.start()):
            yield Secret(*match.span(), "card number")


def _is_card(written: str) -> bool:
    digits = re.sub("[^0-9]", "", written)
    issued = any(first.match(digits) and len(digits) in lengths for first, lengths in _ISSUERS)
    return issued and len(set(digits)) > 1 and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _is_called_otherwise(lower: str, start: int) -> bool:
    return _ANOTHER_NUMBER.search(lower, max(start - _CONTEXT, 0), start) is not None


def _ibans(text: str) -> Iterator[Secret]:
    at = 0
    while match := _IBAN.search(text, at):
        start = match.start() - 2
        end = _end_of_iban(text[start : match.end()])
        if end is not None:
            yield Secret(start, start + end, "IBAN")
        at = match.start() + 1 if end is None else start + end  # another may begin in the words that follow


def _end_of_iban(written: str) -> int | None:
    """How many characters of it are an IBAN: a word may follow without a mark between."""
    length = _LENGTH.get(written[:2].upper())
    places = [place for place, character in enumerate(written) if character.isalnum()]
    if length is None or len(places) < length:
        return None
    end = places[length - 1] + 1
    if written[end : end + 1].isalnum():
        return None
    return end if passes_mod_97(re.sub("[^A-Za-z0-9]", "", written[:end])) else None


def passes_mod_97(iban: str) -> bool:
    """ISO 7064: the four first characters at the end, letters as numbers from 10."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1
