"""Secrets in texts, and masks in their place: passwords and keys have no business with a model, nor in a memory.

Takes a text; gives where in it the values of secrets stand (`find`), or the text with what each was in its place
(`mask`): "my password is [secret: password]". Values are known by their shape: keys as their issuers make them
(`issued_keys`), cards and accounts by their check digits (`check_digits`), tokens in addresses (`addresses`), and what
a text itself calls a key (`labelled_keys`) or a password (`passwords`). A mention is no value. May import: nothing.
"""

from bisect import bisect_right
from collections.abc import Iterator

from flows.masking import addresses, check_digits, issued_keys, labelled_keys, passwords
from flows.masking.folding import Folded
from flows.masking.secret import Secret as Secret

#: The first that knows a value says what it is.
_DETECTORS = (issued_keys.found, check_digits.found, addresses.found, labelled_keys.found, passwords.found)


def find(text: str) -> list[Secret]:
    """The secrets of a text, in order; none overlaps another.

    Also those that look like one only when the others are masked, as a number does that was called an order's by a
    word which is in a key.
    """
    secrets = _find(text)
    return _apart([*secrets, *_unmasked(_find(masked(text, secrets)), secrets)]) if secrets else []


def _find(text: str) -> list[Secret]:
    folded = Folded(text)
    every = [secret for found in _DETECTORS for secret in found(folded)]
    return [folded.original(secret) for secret in _apart(every)]


def mask(text: str) -> str:
    """The text with a mask instead of each secret; a text that is masked already stays as it is."""
    return masked(text, find(text))


def masked(text: str, secrets: list[Secret]) -> str:
    """The text with a mask at each of the places."""
    if not secrets:
        return text
    return "".join(_pieces(text, secrets))


def _pieces(text: str, secrets: list[Secret]) -> Iterator[str]:
    end = 0
    for secret in secrets:
        yield text[end : secret.start]
        yield secret.mask()
        end = secret.end
    yield text[end:]


def _unmasked(found: list[Secret], secrets: list[Secret]) -> Iterator[Secret]:
    """Where in a text stands what was found in it with a mask at each of the secrets; of a mask, all of its secret."""
    begins, longer = [], 0
    for secret in secrets:
        begins.append(secret.start + longer)
        longer += len(secret.mask()) - (secret.end - secret.start)

    def place(index: int) -> tuple[int, int]:
        """Of a character: where it begins and ends."""
        number = bisect_right(begins, index) - 1
        if number < 0:
            return index, index + 1
        behind = index - begins[number] - len(secrets[number].mask())
        if behind < 0:
            return secrets[number][:2]
        return secrets[number].end + behind, secrets[number].end + behind + 1

    for each in found:
        yield Secret(place(each.start)[0], place(each.end - 1)[1], each.kind)


def _apart(secrets: list[Secret]) -> list[Secret]:
    """What overlaps becomes one, of the kind of the longest."""
    apart: list[Secret] = []
    for secret in sorted(secrets, key=lambda secret: (secret.start, -secret.end)):
        if not apart or secret.start >= apart[-1].end:
            apart.append(secret)
            continue
        last = apart[-1]
        kind = max(last, secret, key=lambda each: each.end - each.start).kind
        apart[-1] = Secret(last.start, max(last.end, secret.end), kind)
    return apart
