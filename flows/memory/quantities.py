"""Numbers, units and days of the calendar that a text names, in digits of any script and in the words of languages.

"One" and its like are left out: most are articles. What has a second meaning (yedi: seven, ate) keeps facts apart that
could be one; it makes none one that are not.
"""

from collections.abc import Iterator
from functools import cache

import regex

from flows.memory.words import lower, words

#: Of each language the words for 1st, 2, 3, …, 12 (with ordinals and counted persons), then 13 to 19, then the tens.
_NUMBERS = {
    "en": (
        "first two|second|twice three|third four|fourth five|fifth six|sixth seven|seventh eight|eighth nine|ninth"
        " ten|tenth eleven|eleventh twelve|twelfth|dozen",
        "thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
        "twenty|twentieth thirty|thirtieth forty|fortieth fifty|fiftieth sixty|sixtieth seventy eighty ninety",
    ),
    "de": (
        "erste|ersten|erster|erstes zwei|zweite|zweiten|zweiter|zweimal|beide drei|dritte|dritten|dreimal"
        " vier|vierte|vierten fünf|fünfte|fünften sechs|sechste siebte|sieben acht|achte neun|neunte zehn|zehnte"
        " elf|elfte zwölf|zwölfte",
        "dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn",
        "zwanzig dreißig|dreissig vierzig fünfzig sechzig siebzig achtzig neunzig",
    ),
    "fr": (
        "premier|première deux|deuxième trois|troisième quatre|quatrième cinq|cinquième six|sixième sept|septième"
        " huit|huitième neuf|neuvième dix|dixième onze douze|douzaine",
        "treize quatorze quinze seize dix-sept dix-huit dix-neuf",
        "vingt trente quarante cinquante soixante septante quatre-vingts nonante",
    ),
    "es": (
        "primer|primero|primera dos|segundo|segunda tres|tercer|tercero|tercera cuatro|cuarto|cuarta"
        " cinco|quinto|quinta seis|sexto siete|séptimo ocho|octavo nueve|noveno diez|décimo once doce|docena",
        "trece catorce quince dieciséis diecisiete dieciocho diecinueve",
        "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    ),
    "pt": (
        "primeiro|primeira dois|duas|segundo|segunda três|terceiro|terceira quatro|quarto|quarta cinco|quinto|quinta"
        " seis|sexto sete|sétimo oito|oitavo nove|nono dez|décimo onze doze|dúzia",
        "treze catorze|quatorze quinze dezasseis|dezesseis dezassete|dezessete dezoito dezanove|dezenove",
        "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    ),
    "it": (
        "primo|prima due|secondo|seconda tre|terzo|terza quattro|quarto cinque|quinto sei sette otto nove dieci undici"
        " dodici",
        "tredici quattordici quindici sedici diciassette diciotto diciannove",
        "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    ),
    "nl": (
        "eerste twee|tweede drie|derde vier|vierde vijf|vijfde zes|zesde zeven acht negen tien elf twaalf",
        "dertien veertien vijftien zestien zeventien achttien negentien",
        "twintig dertig veertig vijftig zestig zeventig tachtig negentig",
    ),
    "ru": (
        "первый|первая|первое два|две|двух|двое|второй|вторая|дважды три|трёх|трех|трое|третий|третья|трижды"
        " четыре|четырёх|четверо|четвёртый пять|пяти|пятеро|пятый шесть|шести|шестой семь|семи|седьмой"
        " восемь|восьми девять|девяти десять|десяти одиннадцать|одиннадцати двенадцать|двенадцати",
        "тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать",
        "двадцать|двадцати тридцать|тридцати сорок|сорока пятьдесят шестьдесят семьдесят восемьдесят девяносто",
    ),
    "pl": (
        "pierwszy|pierwsza dwa|dwie|dwóch|drugi|druga trzy|trzech|trzeci cztery|czterech pięć|pięciu sześć|sześciu"
        " siedem osiem dziewięć dziesięć jedenaście dwanaście",
        "trzynaście czternaście piętnaście szesnaście siedemnaście osiemnaście dziewiętnaście",
        "dwadzieścia trzydzieści czterdzieści pięćdziesiąt sześćdziesiąt siedemdziesiąt osiemdziesiąt dziewięćdziesiąt",
    ),
    "tr": (
        "ilk|birinci iki|ikinci üç|üçüncü|üçü dört|dördüncü beş|beşinci altı|altıncı yedi|yedinci sekiz dokuz on onbir"
        " oniki|düzine",
        "",
        "yirmi otuz kırk elli altmış yetmiş seksen doksan",
    ),
    "hi": (
        "पहला|पहली|पहले दो|दूसरा|दूसरी|दोनों तीन|तीसरा|तीसरी|तीनों चार|चौथा|चौथी पाँच|पांच|पाँचवाँ"
        " छह|छः|छे सात आठ नौ दस"
        " ग्यारह बारह",
        "तेरह चौदह पंद्रह|पन्द्रह सोलह सत्रह अठारह उन्नीस",
        "बीस तीस चालीस पचास साठ सत्तर अस्सी नब्बे",
    ),
    "ar": (
        "أول|الأول|الأولى اثنان|اثنين|اثنتان|الثاني|الثانية|مرتين ثلاثة|ثلاث|الثالث|الثالثة أربعة|أربع|الرابع"
        " خمسة|خمس|الخامس ستة|ست|السادس سبعة|سبع|السابع ثمانية|ثماني|ثمان تسعة|تسع عشرة|عشر - -",
        "",
        "عشرون|عشرين ثلاثون|ثلاثين أربعون|أربعين خمسون|خمسين ستون|ستين سبعون|سبعين ثمانون|ثمانين تسعون|تسعين",
    ),
}
_LARGE = {
    word: value
    for value, of_value in {
        "100": "hundred hundert cent cien ciento cem сто sto yüz सौ مئة مائة honderd",
        "1000": "thousand tausend mille mil тысяча тысячи тысяч tysiąc bin हज़ार हजार ألف duizend",
        "1000000": "million millions millionen millón millones milhão milhões миллион миллиона milyon مليون miljoen",
        "100000": "lakh लाख",
        "10000000": "crore करोड़",
        "0.5": "half halb halbe halben demi demie medio media meio meia половина yarım आधा نصف",
    }.items()
    for word in of_value.split()
}
#: "One" alone means many things (一样, 一些); with others it is a digit.
_HAN_NUMBER = regex.compile(r"[〇零一二三四五六七八九十百千万萬億亿两兩]+")
_HAN_DIGITS = {
    character: value for value, of in enumerate(("〇零", "一", "二两兩", *"三四五六七八九")) for character in of
}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "萬": 10_000, "億": 10**8, "亿": 10**8}

#: Groups and decimals stay as written: 1,500 may mean 1.5. A sign counts where no word is before it.
_DIGITS = regex.compile(r"(?:(?<![\p{L}\p{N}])[-+−±])?\d+(?:[.,:'٫٬]\d+|[\u00a0\u202f ]\d{3}(?!\d))*|[\p{No}]")
_AND = frozenset({"and", "y", "e", "et", "und", "и"})  # treinta y cinco

#: What is written in several ways and stands beside a number, or is money.
_UNITS = {
    spelling: unit
    for unit, spellings in {
        "€": "€ euro euros eur евро यूरो يورو avro 欧元 ユーロ",
        "$": "$ dollar dollars usd dólar dólares доллар доллара долларов डॉलर دولار dolar 美元 ドル",
        "£": "£ pound pounds gbp libras pfund sterling",
        "¥": "¥ yen yuan rmb 元 円 块",
        "₽": "₽ рубль рубля рублей",
        "₹": "₹ rupee rupees रुपये रुपए",
        "₺": "₺ lira tl",
        "%": "% percent prozent cent pourcent процент процентов yüzde",
        "km": "km kilometre kilometres kilometer kilometers kilómetros quilómetros километр километра километров 公里",
        "mile": "mile miles mi meilen milles millas milhas миля миль",
        "m": "m metre metres meter meters mètres metros метр метра метров 米",
        "cm": "cm centimetre centimetres centimeter zentimeter centímetros см",
        "kg": "kg kilo kilos kilogram kilograms kilogramm килограмм кг 公斤 キロ",
        "lb": "lb lbs",
        "g": "g gram grams gramm gramos gramas грамм г",
        "°C": "°c celsius",
        "°F": "°f fahrenheit",
        "minute": "min mins minute minutes minuten minutos минута минуты минут दिनट دقيقة dakika 分",
        "hour": "h hour hours hrs stunde stunden heure heures hora horas час часа часов घंटे"
        " घंटा ساعة ساعات saat 小时 時間",
        "day": "day days tag tage tagen jour jours día días dia dias день дня дней दिन يوم أيام gün 天 日",
        "week": "week weeks woche wochen semaine semaines semana semanas неделя недели недель"
        " हफ़्ते أسبوع أسابيع hafta 周 週",
        "month": "month months monat monate monaten mois mes meses mês месяц месяца месяцев महीने شهر أشهر ay 月",
        "year": "year years jahr jahre jahren an ans année années año años ano anos год года лет"
        " साल سنة سنوات yıl yaş 年 岁 歳",
        "am": "am a.m",
        "pm": "pm p.m",
    }.items()
    for spelling in spellings.split()
}
_MONEY = frozenset("€$£¥₽₹₺")
_BESIDE = regex.compile(r"\s?(°[CFcf]|%|\p{Sc}|[\p{Han}\p{Katakana}]+|[^\W\d_]+)")

#: Months from January, then days from Monday, of languages that write most of them in lower case.
_CALENDAR = {
    word: name
    for of_language in (
        "january february march april may june july august september october november december monday tuesday wednesday"
        " thursday friday saturday sunday",
        "januar februar märz april mai juni juli august september oktober november dezember montag dienstag mittwoch"
        " donnerstag freitag samstag|sonnabend sonntag",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre lundi"
        " mardi mercredi jeudi"
        " vendredi samedi dimanche",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes"
        " martes miércoles"
        " jueves viernes sábado domingo",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro segunda-feira"
        " terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
        "января февраля марта апреля мая июня июля августа сентября октября ноября декабря понедельник"
        " вторник среда|среду"
        " четверг пятница|пятницу суббота|субботу|субботам воскресенье",
        "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार रविवार",
        "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر الاثنين الثلاثاء"
        " الأربعاء الخميس الجمعة"
        " السبت الأحد",
        "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık pazartesi salı"
        " çarşamba perşembe cuma"
        " cumartesi pazar",
    )
    for name, spellings in enumerate(of_language.split())
    for spelling in spellings.split("|")
    for word in (spelling, f"{spelling}s")
}


def numbers(text: str, language: str | None) -> list[tuple[str, str]]:
    """Each number of a plain text with what follows it: a unit's name, the beginning of the next word, or nothing."""
    return sorted(set(_digit_numbers(text)) | set(_word_numbers(text, language)) | set(_han_numbers(text)))


def units(text: str, language: str | None) -> set[str]:
    """Units that stand after a number, and currencies wherever they stand."""
    beside = {following for _, following in numbers(text, language)} & set(_UNITS.values())
    money = {_UNITS.get(word) for word in (*words(text), *regex.findall(r"\p{Sc}", text))} & _MONEY
    return beside | {unit for unit in money if unit}


def calendar_names(text: str) -> set[int]:
    return {_CALENDAR[word] for word in lower(text).replace(",", " ").rstrip(".!").split() if word in _CALENDAR}


def is_calendar_name(word: str) -> bool:
    return lower(word) in _CALENDAR


def _digit_numbers(text: str) -> Iterator[tuple[str, str]]:
    for number in _DIGITS.finditer(text):
        yield number[0].replace("−", "-"), _following(text, number.end())


def _following(text: str, end: int) -> str:
    if not (beside := _BESIDE.match(text, end)):
        return ""
    word = lower(beside[1])
    return _UNITS.get(word) or next(
        (_UNITS[word[:size]] for size in (2, 1) if word > "⺀" and word[:size] in _UNITS), word[:3]
    )


def _word_numbers(text: str, language: str | None) -> Iterator[tuple[str, str]]:
    known = _number_words(language if language in _NUMBERS else None)
    tens = 0
    found = words(text)
    for place, word in enumerate(found):
        value = known.get(word)
        following = found[place + 1] if place + 1 < len(found) else ""
        if value is None:
            tens = tens if word in _AND else 0
        elif value in range(20, 100, 10) and (following in _AND or known.get(following, 99) < 10):
            tens = int(value)
        else:
            yield str(_whole(value + (tens if value < 10 else 0))), _UNITS.get(following) or following[:3]
            tens = 0


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


@cache
def _number_words(language: str | None) -> dict[str, float]:
    """All languages' for one that is not known: words that only look like numbers keep facts apart."""
    found: dict[str, float] = {word: float(value) for word, value in _LARGE.items()}
    for units_to_12, to_19, tens in [_NUMBERS[language]] if language else _NUMBERS.values():
        columns = [(units_to_12, 1, 1), (to_19, 13, 1), (tens, 20, 10)]
        for column, first, step in columns:
            for place, spellings in enumerate(column.split()):
                found.update(dict.fromkeys(spellings.split("|"), first + step * place))
    found.update(_one_word(found, "und") if language == "de" else _one_word(found, "en") if language == "nl" else {})
    return found


def _one_word(found: dict[str, float], joint: str) -> dict[str, float]:
    """fünfunddreißig, vijfendertig"""
    small = [(word, value) for word, value in found.items() if 1 < value < 10] + [("ein", 1.0), ("een", 1.0)]
    tens = [(word, value) for word, value in found.items() if value in range(20, 100, 10)]
    return {f"{one}{joint}{ten}": unit + whole for one, unit in small for ten, whole in tens}


def _han_numbers(text: str) -> Iterator[tuple[str, str]]:
    for number in _HAN_NUMBER.finditer(text):
        if number[0] != "一":
            yield str(_han_value(number[0])), _following(text, number.end())


def _han_value(numeral: str) -> int:
    whole = part = digit = 0
    for character in numeral:
        scale = _HAN_SCALES.get(character)
        if scale is None:
            digit = digit * 10 + _HAN_DIGITS[character]
        elif scale < 10_000:
            part, digit = part + (digit or 1) * scale, 0
        else:
            whole, part, digit = whole + (part + digit or 1) * scale, 0, 0
    return whole + part + digit
