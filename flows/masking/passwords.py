"""What a text calls a password, a PIN, a card's security code or a recovery phrase: "password is …" in many languages.

A plain word after "is" may be anything ("weak", "required"), so it counts only in quotes or beside a user's name.
"""

import re
from collections.abc import Iterator

from flows.masking.folding import Folded
from flows.masking.secret import Secret, is_placeholder

_HINTS = (
    *(
        "pass",
        "pw",
        "mdp",
        "kennwort",
        "contrase",
        "senha",
        "wachtwoord",
        "haslo",
        "adgangskode",
        "kodeord",
        "salasana",
    ),
    *("heslo", "kata sandi", "parola"),
)
_HINTS_BEYOND_ASCII = (
    *(
        "hasło",
        "lösenord",
        "şifre",
        "парол",
        "jelszó",
        "κωδικ",
        "密码",
        "密碼",
        "パスワード",
        "비밀번호",
        "암호",
        "كلمة",
    ),
    *("पासवर्ड", "סיסמ", "mật khẩu"),
)
_EVERY_HINT = _HINTS + _HINTS_BEYOND_ASCII
_LABEL = (
    r"(?:pass(?:words?|wd|wort|code|phrase| phrase|ord)|(?<![a-z])(?:pwd?|mdp)|kennwort|contrase[ñn]a|mot de passe"
    r"|senha|palavra-passe|wachtwoord|has[łl]o|lösenord|adgangskode|kodeord|salasana|şifre(?:m|miz)?|парол[ья]|heslo"
    r"|jelszó|κωδικός|密[码碼]"
    r"|パスワード|비밀번호|암호|كلمة (?:المرور|السر)|पासवर्ड|סיסמ[הא]|kata sandi|mật khẩu|parola)"
)
_FOR_WHAT = (
    r"(?:[ \t]+(?:for|of|on|at|in|from|für|fürs|vom|von|zum|zur|del?|du|da|do|das?|dos|al|para|pour|per|voor|van|för"
    r"|till|для|от|на|do|til)(?:[ \t]+[^\s.,;:!?=]{1,30}){1,5}?|[ \t]+(?:wi-?fi|wlan))?"
)
_IS = r"is|was|to|ist|lautet|war|es|era|est|était|sera|é|è|jest|är|er|on|это|είναι|है|هي"
_SAYS = (
    rf"(?:(?P<assigned>[\"'\])]{{0,2}}{_FOR_WHAT}[ \t]*(?:=>|:=|->|→|[:=])\s{{0,4}})"
    rf"|{_FOR_WHAT}[ \t]+(?:{_IS})(?:[ \t]*:)?\s{{1,3}}|[ \t]*(?:是|为|為|は|는|은)[ \t:]*|[ \t]+-+[ \t]+)"
)
_OPEN, _CLOSE = "\"'`“”„‘«「『", "\"'`”“’»」』"
_PLAIN = r"[!#-&*-;=?-_a-~À-ɏͰ-ӿ]"
_SAID = re.compile(
    rf"{_LABEL}{_SAYS}(?:[{_OPEN}](?P<quoted>[^\n{_OPEN}{_CLOSE}]{{3,64}})[{_CLOSE}]|(?P<plain>{_PLAIN}{{4,64}}+))"
)
_USER = re.compile(
    r"(?:user(?:name)?|login|e-?mail|benutzer(?:name)?|usuario|utilisateur|identifiant|utente|konto|account|логин)"
    r"[\"']?[ \t]*[:=]\s{0,2}[\"']?[^\s\"',;]{2,60}[\"']?[\s,;/|&]{1,4}(?:[-*•][ \t]*)?[\"']?\w{0,20}$"
)
_USER_IS_WITHIN = 120  # characters before the label

_LENGTH_OF_IT = re.compile(
    r"[ \t-]*(?:char|digit|letter|bit|byte|zeichen|stellen|car[aá]ct|tekens|znak|симв|word|day|month|year)"
)
# Words that hold digits or marks and are about passwords.
_TECHNICAL = re.compile(
    r"(?:sha|aes|md|rsa|utf|rfc|base|pbkdf|argon|oauth|http|ntlm|win|office|web|php|python|wpa|ipv|v|version|step|level|id|f)"
    r"[-_]?\d[\w.-]*|[a-z-]*(?:crypt|scrypt|hash)\w*(?:[-_]\w+)*|[\d.,]+(?:st|nd|rd|th|x|%|k|mb|gb|\+|er)?|\d+[-–/]\d+[\w-]*"
    r"|\d+-?(?:char|bit|byte|digit|letter|zeichen|stellig)\w*|[12]fa\w*|mfa|1password|\d{4}-\d\d(?:-\d\d)?|\d\d?:\d\d"
)
_PIN_LIKE = re.compile(r"\d{4,}")
_CODE = re.compile(
    r"[({\[]|^[$<%@&]\w|\$\{|://|^[a-z_]\w*(?:\.[a-z_]\w*)+$|^[a-z]*pass\w*$|^[a-z]*pwd?\d*$|^(?:os|process|env|self|this)\."
    r"|^[^@\s]+@[\w-]+\.[a-z.]+$",
    re.IGNORECASE,
)
_MARK = re.compile(r"[!@#$%^&*+=~?|]")
_BETWEEN_WORDS = re.compile("-")
_ORDINARY = frozenset(
    """
    weak strong required optional wrong incorrect invalid valid expired unsafe insecure safe secure missing empty short
    long simple complex hashed encrypted reset forgotten same different changed correct needed mandatory obligatory
    default unknown hidden null none nil undefined true false string str bytes text varchar char number integer int
    boolean bool any object field input label placeholder value type name email user username admin password passwort
    contraseña senha secret obligatoire obligatoria obligatorio débil fuerte faible forte fraca erforderlich notwendig
    falsch unsicher sicher verplicht
    """.split()  # noqa: SIM905
)

_PIN = re.compile(
    rf"(?:PIN|Pin|pin|暗証番号)(?<![A-Za-z]...)(?:[- ]?(?:code|number|nummer|Code|Nummer))?(?:(?i:{_FOR_WHAT})"
    rf"[ \t]*(?:[:=]|(?:{_IS})(?:[ \t]*:)?[ \t]|は|是)[ \t]*|(?<=PIN)[ \t]+)([0-9]{{4,8}})(?![\w-]|[.,:]\d)"
)
_SECURITY_CODE = re.compile(
    r"(?<![a-z])(?:cvv2?|cvc2?|security code|kartenprüfnummer|prüfziffer)[ \t]*(?:[:=]|is|ist|es|est|lautet)?"
    r"[ \t]*([0-9]{3,4})(?![a-z_]*[0-9]|[.,-][0-9])"
)
# BIP 39: 12 to 24 words of three to eight letters.
_PHRASE = re.compile(
    r"(?:seed|recovery|mnemonic|backup)[ -](?:phrase|words)\b(?:[ \t]+(?:is|are|was))?[ \t]*:?\s{0,4}[\"'“„]?"
    r"((?:[a-z]{3,8}[ ,\n]{1,3}+){11,23}[a-z]{3,8})(?![a-z])"
)
_PROSE = re.compile(r"\b(?:the|and|for|are|not|your|from|have|has|was|should|never|which)\b")


def found(text: Folded) -> Iterator[Secret]:
    lower = text.lower
    if any(hint in lower for hint in (_HINTS if lower.isascii() else _EVERY_HINT)):
        yield from _passwords(text)
    if "pin" in lower or "暗証番号" in lower:
        yield from (Secret(*match.span(1), "PIN") for match in _PIN.finditer(text.text))
    if "cvv" in lower or "cvc" in lower or "security code" in lower or "prüf" in lower:
        yield from (Secret(*match.span(1), "card security code") for match in _SECURITY_CODE.finditer(lower))
    if any(hint in lower for hint in ("seed", "mnemonic", "recovery", "backup")):
        for match in _PHRASE.finditer(text.text.replace("Phrase", "phrase")):
            if not _PROSE.search(match[1]):
                yield Secret(*match.span(1), "recovery phrase")


def _passwords(text: Folded) -> Iterator[Secret]:
    at = 0
    while match := _SAID.search(text.lower, at):
        name = "quoted" if match["quoted"] else "plain"
        start, end = match.span(name)
        value = text.text[start:end]
        value = value if match["quoted"] else value.rstrip(".,;:)]}?")
        at = start  # what is no password may be what calls the next one so
        if _is_one(text.lower, match, value):
            yield Secret(start, start + len(value), "password")
            at = match.end()


def _is_one(lower: str, match: re.Match[str], value: str) -> bool:
    if _LENGTH_OF_IT.match(lower, match.end()) or lower[match.end() : match.end() + 1] == "(":
        return False
    if looks_like_password(value):
        return True
    if not value.isalpha() or value.lower() in _ORDINARY or is_placeholder(value):
        return False
    if match["assigned"]:
        return _USER.search(lower, max(match.start() - _USER_IS_WITHIN, 0), match.start()) is not None
    return match["quoted"] is not None


def looks_like_password(value: str) -> bool:
    """Whether a value is none of a language's or a program's words."""
    if not 4 <= len(value) <= 64 or any(map(str.isspace, value)) or is_placeholder(value) or _CODE.search(value):
        return False
    if _PIN_LIKE.fullmatch(value):
        return True
    if _TECHNICAL.fullmatch(value.lower()):
        return False
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    return letters and (digits or _MARK.search(value[:-1]) is not None or len(_BETWEEN_WORDS.findall(value)) > 2)
