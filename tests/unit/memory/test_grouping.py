"""Which facts say the same in the same words, and what they come to."""

import unicodedata
from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.memory import grouping
from flows.memory.fingerprint import fingerprint
from flows.records import FoundFact


def record(text, kind="preference", date=None, said="2024-01-01T10:00:00Z", chunk_key="k1", **more):
    return FoundFact(kind, text, date, said=said, chunk_key=chunk_key, conversation_id="c1", **more)


def statements(*found):
    return grouping.grouped(copy(fact) for fact in found)


# Which texts are one

SAME = [
    # English
    ("I prefer oat milk.", "i prefer  oat milk!"),
    ("I'm vegan", "I am vegan."),
    ("I’m vegan", "Iʼm vegan"),
    ("im vegan", "I'm vegan"),
    ("I don't eat meat", "I do not eat meat"),
    ("I dont eat meat", "I don’t eat meat"),
    ("I can't swim", "I cannot swim"),
    ("I can not swim", "I CAN`T SWIM"),
    ("I won't move", "I will not move"),
    ("We've two dogs and they're old", "We have two dogs and they are old"),
    ("It's my first job", "It is my first job"),
    ("It's been a hard year", "It has been a hard year"),
    ("Ana's got a dog", "Ana has got a dog"),
    ("I'd like to learn Go", "I would like to learn Go"),
    ("I'll visit Rome", "I will visit Rome"),
    ("I'm learning C++.", "i'm learning c++"),
    ("I like tea...", "I like tea…"),
    ("I like tea\u00a0and\u202fmilk\n", "I like tea and milk"),
    ('My favourite book is "Dune".', "My favourite book is “Dune.”"),
    ('"I like tea."', "I like tea"),
    ("I worked there 2019–2021", "I worked there 2019-2021"),
    ("The freezer is at −18 °C", "The freezer is at -18°C"),
    ("I like cof\u00adfee", "I like coffee"),
    ("I like \u200b tea", "I like tea"),
    ("I like co\ufb00ee", "I like coffee"),
    ("I ❤️ cats", "I ❤ cats"),
    # Spanish, French, German, Czech
    ("¡Me encanta el café!", "Me encanta el cafe\u0301"),
    ("J’habite à Paris", "j'habite à Paris."),
    ("Mon but\u202f: courir un marathon !", "Mon but: courir un marathon"),
    ("J'ai lu « Dune »", "J'ai lu «Dune»"),
    ("Ich lese „Faust“", "Ich lese »Faust«"),
    ("Ich wohne in der Gießstraße", "ICH WOHNE IN DER GIEẞSTRAẞE"),
    ("Bydlím v Plzni", "bydli\u0301m v plzni"),
    # Turkish, Greek
    ("İstanbul'da yaşıyorum", "istanbul’da yaşıyorum"),
    ("ΖΩ ΣΤΟΝ ΠΕΙΡΑΙΑΣ", "ζω στον πειραιας"),
    # Russian, Ukrainian
    ("Я люблю «Войну и мир»", "я люблю „Войну и мир“."),
    ("М’ята — мій улюблений чай", "м'ята - мій улюблений чай"),
    # Arabic, Persian, Hebrew
    ("أحب القهوة", "\u200fأحب القهوة\u200f."),
    ("أحب القهـــوة", "أحب القهوة"),
    ("عمري ٣٠ سنة", "عمري 30 سنة"),
    ("\ufefb أشرب القهوة", "لا أشرب القهوة"),
    ("من می‌خواهم بروم", "من می‌خواهم بروم."),
    ("אני לומד בצ׳כיה", "אני לומד בצ'כיה"),
    ("\u2067אני אוהב תה\u2069", "אני אוהב תה"),
    # Hindi, Urdu, Armenian
    ("मुझे चाय पसंद है।", "मुझे चाय पसंद है"),
    ("मैं क़लम रखता हूँ", "मैं \u0958लम रखता हूँ"),
    ("मेरी उम्र ३० है", "मेरी उम्र 30 है"),
    ("مجھے چائے پسند ہے۔", "مجھے چائے پسند ہے"),
    ("Ես սիրում եմ թեյ։", "ես սիրում եմ թեյ"),
    # Japanese, Chinese, Korean, Vietnamese, Thai
    ("私は猫が好き。", "私は 猫が好き"),
    ("ｶﾞﾝﾀﾞﾑが好き", "ガンダムが好き！"),
    ("私は「こころ」が好き", "私は“こころ”が好き"),
    ("我用 Python 写代码", "我用Python写代码。"),
    ("我喜欢茶，咖啡", "我喜欢茶, 咖啡"),
    ("我有３只猫", "我有 3 只猫"),
    ("体重は60㎏です", "体重は60kgです"),
    ("나는 고양이를 좋아한다", unicodedata.normalize("NFD", "나는 고양이를 좋아한다.")),
    ("Tôi thích cà phê", unicodedata.normalize("NFD", "tôi thích cà phê")),
    ("ฉันชอบ\u200bแมว", "ฉันชอบแมว"),
]

NOT_THE_SAME = [
    # Signs, symbols, numbers
    ("I'm learning C", "I'm learning C++"),
    ("I'm learning C", "I'm learning C#"),
    ("I'm learning C++", "I'm learning C#"),
    ("I use .NET", "I use NET"),
    ("My left eye has -2.5", "My left eye has +2.5"),
    ("My left eye has -2.5", "My left eye has 2.5"),
    ("My left eye has −2.5", "My left eye has 2.5"),
    ("I believe that x > y", "I believe that x < y"),
    ("I believe that x ≥ y", "I believe that x > y"),
    ("I believe that x ≯ y", "I believe that x > y"),
    ("I believe that x = y", "I believe that x ≠ y"),
    ("I ❤ cats", "I 💔 cats"),
    ("I ❤ cats", "I cats"),
    ("I like 🐈", "I like 🐕"),
    ("🐈", "🐕"),
    ("🈚", "無"),
    ("My emoji is 👋🏽", "My emoji is 👋"),
    ("We are 👩‍👩‍👧", "We are 👩👩👧"),
    ("I support 🇳🇱", "I support 🇱🇺"),
    ("I support 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "I support 🏴"),
    ("My rent is 1,500 €", "My rent is $1,500"),
    ("My rent is £1,500", "My rent is ¥1,500"),
    ("My rent is 1,500 €", "My rent is 1.500 €"),
    ("My rent is 1 500 €", "My rent is 1 5 00 €"),
    ("My rent is 1,500 €", "My rent is 1500 €"),
    ("My grade is 3.5", "My grade is 35"),
    ("I own 10% of it", "I own 10‰ of it"),
    ("I own 10% of it", "I own 10 of it"),
    ("My flat has 50 m²", "My flat has 50 m2"),
    ("I drink ½ litre", "I drink 1⁄2 litre"),
    ("I drink 1½ litres", "I drink 11⁄2 litres"),
    ("My shop is Tea™", "My shop is TeaTM"),
    ("I study ℝ", "I study R"),
    ("My handle is @ana", "My handle is #ana"),
    ("My file is a_b", "My file is a b"),
    ("A & B is my firm", "A | B is my firm"),
    # English
    ("I like tea", "I don't like tea"),
    ("I'd moved", "I would moved"),
    ("I own Ana's dog", "I own Anas dog"),
    ("We were happy", "We're happy"),
    ("I have an ill dog", "I have an I'll dog"),
    ("Am I vegan?", "Am I vegan"),
    ("I said no. 5", "I said no 5"),
    ("Let's eat, grandma", "Let's eat grandma"),
    ('My "friend" Tom', "My friend Tom"),
    ("I re-signed", "I resigned"),
    # Diacritics and vowel signs
    ("Mi papá come mucho", "Mi papa come mucho"),
    ("Tengo 30 años", "Tengo 30 anos"),
    ("Ich war in Mühlen", "Ich war in Muhlen"),
    ("Ich trinke in Maßen", "Ich trinke in Massen"),
    ("Er will, sie nicht", "Er will sie nicht"),
    ("Sık koşuyorum", "Sik koşuyorum"),
    ("Θέλω τσάι ή καφέ", "Θέλω τσάι η καφέ"),
    ("Казнить нельзя, помиловать", "Казнить, нельзя помиловать"),
    ("Все едят рыбу", "Всё едят рыбу"),
    ("Mẹ tôi bán ma", "Mẹ tôi bán má"),
    ("मेरा कल", "मेरा काल"),
    ("मेरी दिन", "मेरी दीन"),
    ("मैं पिता हूँ", "मैं पीता हूँ"),
    ("আমার বল", "আমার বাল"),
    ("எனக்கு கல் பிடிக்கும்", "எனக்கு கால் பிடிக்கும்"),
    ("หมาขาว", "หมาข่าว"),
    ("أنا مُعَلِّم", "أنا مُعَلَّم"),
    ("این نامه‌ای است", "این نامهای است"),
    ("שלי סֵפֶר", "שלי סַפָּר"),
    ("私はハハが好き", "私はパパが好き"),
    ("私はビルに住む", "私はビールに住む"),
    # Where spaces part words
    ("아버지가 방에 들어가신다", "아버지 가방에 들어가신다"),
    ("ตา กลม", "ตาก ลม"),
    ("I work nowhere", "I work now here"),
    ("私は猫が好き。", "私は犬が好き。"),
    ("我喜欢猫", "我喜欢狗"),
    ("!!!", "..."),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_only_writing_makes_differ_is_one_fact(one, other):
    assert len(statements(record(one), record(other))) == 1


@pytest.mark.parametrize(("one", "other"), NOT_THE_SAME)
def test_what_can_mean_something_else_is_another_fact(one, other):
    assert len(statements(record(one), record(other))) == 2


@given(st.text())
def test_any_text_has_one_fingerprint_however_it_is_encoded_and_spaced(text):
    forms = {fingerprint(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert forms == {fingerprint(f" {unicodedata.normalize('NFC', text)}\n")}


# What the one statement is


def test_it_has_the_wording_said_most_and_all_that_say_it():
    often = [record("I'm vegan.", said=f"2024-03-0{day}T10:00:00Z", chunk_key=f"k{day}") for day in (3, 1, 2)]
    other = record("I am vegan", said="2025-06-01T10:00:00.250000+00:00", chunk_key="k0")
    (said,) = statements(other, *often)
    assert said.statement.text == "I'm vegan."
    assert (said.statement.said_first, said.statement.said_last) == ("2024-03-01T10:00:00Z", "2025-06-01T10:00:00Z")
    assert [source.chunk_key for source in said.sources] == ["k1", "k2", "k3", "k0"]


def test_one_text_of_three_kinds_is_of_the_kind_said_most():
    (said,) = statements(*(record("I will move.", kind=kind) for kind in ("date", "project", "decision", "project")))
    assert said.statement.kind == "project"


def test_of_kinds_said_equally_often_the_first_in_the_order_of_the_kinds_is_it():
    (said,) = statements(*(record("I will move.", kind=kind) for kind in ("decision", "belief", "date")))
    assert said.statement.kind == "date"


def test_what_is_said_of_another_person_is_another_statement():
    mine, hers = record("I live in Bern."), record("I live in Bern.", subject="my sister Ida")
    assert len(statements(mine, hers, record("I live in Bern!", subject="My sister Ida"))) == 2


def test_it_holds_as_it_was_said_last_and_fills_the_slot_that_is_said_most():
    past = record("I live in Bern.", said="2025-01-01T10:00:00Z", stance="past", until="2024-12", slot="home")
    (said,) = statements(past, record("I live in Bern.", slot="home"), record("I live in Bern.", slot="city"))
    assert (said.statement.stance, said.statement.until, said.statement.slot) == ("past", "2024-12", "home")


# Their own dates


def dates(*own):
    found = [record("I moved house.", "date", date, chunk_key=f"k{number}") for number, date in enumerate(own)]
    return sorted((said.statement.date or "", len(said.sources)) for said in statements(*found))


def test_the_same_event_at_two_times_is_two():
    assert dates("2019", "2024", "2019") == [("2019", 2), ("2024", 1)]
    assert dates("2024-05-01", "2024-05-02") == [("2024-05-01", 1), ("2024-05-02", 1)]


def test_a_less_exact_date_or_none_means_the_only_date_that_it_can():
    assert dates(None, "2024-05-01", "2024", "2024-05") == [("2024-05-01", 4)]
    assert dates("2019", "2024-05", "2024") == [("2019", 1), ("2024-05", 2)]


def test_a_less_exact_date_that_can_mean_several_stays_what_it_is():
    assert dates(None, "2019", "2024") == [("", 1), ("2019", 1), ("2024", 1)]
    assert dates("2024", "2024-05", "2024-06") == [("2024", 1), ("2024-05", 1), ("2024-06", 1)]


def test_a_date_that_is_none_is_not_kept_though_it_was_stored():
    assert dates("2024-13-45", "0000", "9999-99-99", None) == [("", 4)]


# The order in which chunks were answered


FOUND = st.builds(
    record,
    st.sampled_from(["I'm vegan", "I am vegan.", "im VEGAN!", "I like C", "I like C#", "!!!"]),
    st.sampled_from(["preference", "project", "date"]),
    st.sampled_from([None, "2019", "2024", "2024-05", "2024-05-01", "2024-02-30"]),
    st.sampled_from([None, "2024-01-01T10:00:00Z", "2025-01-01T10:00:00+00:00"]),
    st.sampled_from(["k1", "k2", "k3"]),
)


@given(st.lists(FOUND, max_size=12).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_no_order_makes_other_statements_or_loses_a_source(orders):
    found, shuffled = orders
    said = statements(*found)
    assert statements(*shuffled) == said
    assert {source.chunk_key for each in said for source in each.sources} == {fact.chunk_key for fact in found}
    assert len({key for each in said for key in each.keys}) == sum(len(each.keys) for each in said)
