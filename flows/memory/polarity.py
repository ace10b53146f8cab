"""Whether a text says yes or no, which of two opposites it names, and whether it limits what it says."""

import regex

from flows.memory.words import lower, words

#: Words that deny the sentence they stand in.
_DENYING = {
    "en": r"not|no|nor|never|none|nobody|nothing|neither|nowhere|without|hardly|barely|cannot|instead"
    r"|(?:do|does|did|is|was|are|were|has|have|had|wo|ca|ai|could|would|should)nt|cant",
    "de": r"nicht|nichts|kein\w*|nie|niemals|niemand\w*|nirgends|ohne|weder|kaum|nein|statt",
    "fr": r"ne|n|pas|jamais|aucune?|rien|sans|non|ni|nulle?",
    "es": r"no|nunca|jamás|nada|nadie|ning[uú]na?|sin|tampoco|ni",
    "pt": r"não|nao|nunca|jamais|nada|ninguém|nenhuma?|sem|nem",
    "it": r"non|no|mai|niente|nulla|nessun\w*|senza|né",
    "nl": r"niet|niets|geen|nooit|niemand|zonder|nergens",
    "pl": r"nie|nigdy|nic|bez|żad\w+|nikt",
    "ru": r"не|нет|ни|никогда|нельзя|без|ничего|никто|никак\w*|нигде|вместо",
    "uk": r"не|ні|ніколи|без|немає|нічого|ніхто",
    "hi": r"नहीं|नही|न|ना|मत|बिना|बगैर",
    "ar": r"[وف]?(?:لا|لم|لن|ليس\w*|لست|لسنا|ما|غير|بدون|بلا|دون|مش|مو|أبدا|أبدًا|قط)",
    "fa": r"نه|هرگز|بدون|نمی\w*|نیست\w*|ندار\w*",
    "he": r"לא|אין|בלי|אף|מעולם",
    # The verb itself is denied, and -siz is "without".
    "tr": r"değil\w*|yok\w*|hiç\w*|asla|\w+m[ıiuü]yor\w*|\w+m[ae]z\w*|\w+m[ae]m|\w+m[ae]d[ıi]\w*|\w{2,}s[ıiuü]z(?:ce)?",
    "ko": r"안|못|\w*않\w*|\w*없\w*|\w*아니\w*|\w*못하\w*",
}
#: Words that say no by themselves: who dislikes, avoids, has stopped. "I don't dislike" says no twice.
_REFUSING = {
    "en": r"hat(?:e|es|ed|ing)|dislik\w+|detest\w*|loath\w+|despis\w+|avoid\w*|quit\w*|stop\w*|refus\w+"
    r"|vegan\w*|vegetarian\w*|teetotal\w*|allerg\w+|intoleran\w+|unable|anymore",
    "de": r"hass\w*|verabscheu\w*|(?:ver)?meid\w+|aufgehört|aufhör\w*|verzicht\w*|vegetari\w*|vegan\w*|allerg\w+",
    "fr": r"détest\w+|hais|haï\w+|évit\w+|arrêt\w+|refus\w+|végé\w+|allerg\w+",
    "es": r"odi\w+|detest\w+|aborre\w+|evit\w+|dej(?:o|é|a|ado|amos|aron)|vegetarian\w+|vegan\w+|alérgi\w+",
    "pt": r"odei\w+|odi\w+|detest\w+|evit\w+|deix(?:ei|o|ou|amos)|parei|vegetarian\w+|vegan\w+|alérgi\w+",
    "it": r"odi\w*|detest\w+|evit\w+|smess\w+|vegetarian\w+|vegan\w+",
    "nl": r"haat|gehaat|vermijd\w*|gestopt|stop\w*|vegetar\w+|veganist\w*",
    "pl": r"nienawi\w+|unika\w+|rzuci\w+|przesta\w+|wegetaria\w+|wegan\w+",
    "ru": r"ненави\w+|бросил\w*|перестал\w*|избега\w+|вегетариан\w+|веган\w*|аллерг\w+",
    "hi": r"नफ़?रत|नापसंद|छोड़\w*|शाकाहारी|परहेज़?",
    "ar": r"أكره|نكره|كرهت|توقفت|تركت|أتجنب|نباتي\w*|نباتية",
    "tr": r"nefret\w*|bırak\w*|kaçın\w*|vejetar\w+|vegan\w*",
    "ko": r"\w*싫\w*|\w*끊\w*|채식\w*",
}
#: Without spaces, each is one no. Not those that have become other words: 不错 good, 不过 but, 差不多 about.
_UNSPACED = regex.compile(
    r"不(?![错錯过過但仅僅])(?<!差不(?=多))|没|沒|無|无|别|未|讨厌|討厭|吃素|素食"
    r"|ない|なかった|なく|ませ?ん|ずに|嫌|苦手|やめ|辞め|ベジタリアン|ヴィーガン"
)
_LIMITING = regex.compile(
    r"\b(?:only|just|merely|solely|nur|bloß|lediglich|seulement|uniquement|solo|sólo|solamente|só|somente|apenas|soltanto"
    r"|alleen|tylko|только|лишь|सिर्फ़?|केवल|فقط|sadece|yalnız|yalnızca)\b|只|仅|だけ|しか|のみ|만(?=\s)"
)
#: A text that has one side and not the other, and a text that has the other, say different things.
_OPPOSITES = tuple(
    (regex.compile(rf"\b(?:{one})\b"), regex.compile(rf"\b(?:{other})\b"))
    for one, other in (
        (r"start\w*|beg[iau]n\w*|join\w*|tak\w+ up", r"stop\w*|quit\w*|end(?:ed|s)?|finish\w*|left|g[ai]ve up"),
        (r"bought|buy\w*|kauf\w*|gekauft|achet\w+|compr\w+|купил\w*", r"sold|sell\w*|verkauf\w*|vend\w+|продал\w*"),
        (
            r"married|verheiratet|mariée?|casad[oa]|женат|замужем",
            r"divorc\w+|single|geschieden|célibataire|solter[oa]|solteir[oa]",
        ),
        (r"for|pour|für|за|pro", r"against|contre|gegen|против|contra"),
        (r"more|mehr|plus|más|mais|больше|अधिक|أكثر|daha çok", r"less|fewer|weniger|moins|menos|меньше|कम|أقل|daha az"),
        (r"before|vor|avant|antes|до|पहले|قبل|önce", r"after|nach|après|después|depois|после|बाद|بعد|sonra"),
        (
            r"always|often|immer|oft|toujours|souvent|siempre|sempre|всегда|часто",
            r"rarely|seldom|selten|rarement|raramente|редко",
        ),
        (
            r"morning\w*|morgens|matin|mañana|manhã|утром|सुबह|صباحا?|sabah\w*",
            r"evening\w*|night\w*|abends?|soir|noche|noite|вечером|शाम|مساء|akşam\w*",
        ),
        (r"left|links|gauche|izquierd\w|esquerd\w|лев\w+", r"right|rechts|droite|derech\w|direit\w|прав\w+"),
        (r"early|früh|tôt|temprano|cedo|рано|erken", r"late|spät|tard|tarde|поздно|geç"),
        (r"hot|warm|heiß|chaud|caliente|quente|горяч\w+|sıcak", r"cold|kalt|froid|frío|frio|холодн\w+|soğuk"),
        (r"lov\w+|lik(?:e|es|ed|ing)|enjoy\w*|ador\w+|прекрасн\w+", r"hat(?:e|es|ed|ing)|dislik\w+|detest\w*|loath\w+"),
        (r"vegan\w*", r"vegetarian\w*"),
        (r"meat|fleisch|viande|carne|мясо|et|لحم", r"vegan\w*|vegetarian\w*|vegetari\w*|végé\w+|вегетариан\w*"),
        (r"win|won|gewonnen|gagné|gané", r"los[et]|lose|verloren|perdu|perdí"),
        (r"employed|hired", r"unemployed|fired|laid off"),
        (r"mother|mom|mum|mutter|mère|madre|mãe|мать|мама", r"father|dad|vater|père|padre|pai|отец|папа"),
        (
            r"sisters?|schwestern?|sœurs?|hermanas?|irmãs?|сестр\w+",
            r"brothers?|brüder|bruder|frères?|hermanos?|irmãos?|брат\w*",
        ),
        (r"wife|frau|femme|esposa|жена", r"husband|mann|mari|esposo|marido|муж"),
        (r"sons?|sohn|fils|hijos?|filhos?|сын\w*", r"daughters?|tochter|fille|hijas?|filhas?|доч\w+"),
    )
)
#: Where different words close to each other deny once: no me gusta nada, ne … jamais. But ni adds a denial.
_CONCORD = frozenset({"fr", "es", "pt", "it", "pl", "ru", "uk", "ar", "fa", "he", "tr"})
_ADDING = frozenset({"ni", "nem", "né", "ни"})
_NEAR = 3  # words


def _compiled(by_language: dict[str, str]) -> "dict[str, regex.Pattern[str]]":
    """With all languages' words for one that is not known, under ""."""
    return {
        language: regex.compile(words_of_it)
        for language, words_of_it in {**by_language, "": "|".join(by_language.values())}.items()
    }


_DENIES, _REFUSES = _compiled(_DENYING), _compiled(_REFUSING)


def denials(text: str, language: str | None) -> int:
    """How often a plain text says no."""
    found = words(text)
    denying = [place for place, word in enumerate(found) if _of(_DENIES, language).fullmatch(word)]
    groups = _groups(denying, found) if language in _CONCORD else len(denying)
    refusing = sum(1 for word in found if _of(_REFUSES, language).fullmatch(word))
    return groups + refusing + len(_UNSPACED.findall(text))


def _groups(denying: list[int], found: list[str]) -> int:
    count, last, group = 0, 0, set[str]()
    for place in denying:
        word = found[place]
        if not group or place - last > _NEAR or word in group | _ADDING:
            count, group = count + 1, set()
        group.add(word)
        last = place
    return count


def is_limited(text: str) -> bool:
    return bool(_LIMITING.search(lower(text)))


def are_opposed(first: str, second: str) -> bool:
    first, second = lower(first), lower(second)
    return any(_parts(one, other, first, second) or _parts(one, other, second, first) for one, other in _OPPOSITES)


def _parts(one: "regex.Pattern[str]", other: "regex.Pattern[str]", first: str, second: str) -> bool:
    """Whether the first text has only the one side, and the second has the other."""
    return bool(one.search(first) and not other.search(first) and other.search(second) and not one.search(second))


def _of(patterns: "dict[str, regex.Pattern[str]]", language: str | None) -> "regex.Pattern[str]":
    return patterns.get(language or "", patterns[""])
