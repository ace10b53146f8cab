import os
import stat

import pytest

from deployments.local.memory_page.page import write
from flows.records import MemorySection
from tests.unit.local.memory_page.person import Person, parsed


def shown(person, entry):
    return person.page().one("li", data_entry=entry.id)


def test_an_entry_opens_to_its_facts_with_the_words_the_conversation_and_the_day_that_say_so():
    ana = Person()
    home, cat = ana.fact("I live in Lisbon.", valid_from="2021-06"), ana.fact("Our cat is called Bento.")
    ana.said(home, "c1", "2024-05-12T10:00:00+00:00", title="Weekend plans", quote="since we live in Lisbon now")
    ana.said(cat, "c2", "2023-01-03T23:30:00-02:00", title="Vet bill")
    found = shown(ana, ana.entry("Lives in Lisbon with a cat.", home, cat))
    assert found.one("summary").text == "Lives in Lisbon with a cat. said in 2 conversations, last 12 May 2024"
    facts = {fact.attributes["data-fact"]: fact.text for fact in found.all("li", class_="fact")}
    assert facts == {
        str(home.id): "I live in Lisbon. since June 2021 “since we live in Lisbon now” Weekend plans 12 May 2024",
        str(cat.id): "Our cat is called Bento. “Our cat is called Bento.” Vet bill 4 January 2023",
    }
    assert {time.attributes["datetime"] for time in found.all("time")} == {"2024-05-12", "2023-01-04"}


def test_what_the_assistant_has_noted_is_told_from_what_the_person_said():
    ana = Person()
    bees = ana.fact("I keep bees.")
    ana.said(bees, "c1", title="Garden")
    ana.said(bees, "claude/notes", title="Saved memories", quote="User keeps bees.", noted=True)
    figures = shown(ana, ana.entry("I keep bees.", bees)).all("figure")
    assert sorted("The assistant's words:" in figure.text for figure in figures) == [False, True]


def test_what_was_true_before_stands_under_its_fact_the_latest_first_with_its_time_and_words():
    ana = Person()
    home = ana.fact("I live in Lisbon.", valid_from="2021-06")
    porto = ana.was("I live in Porto.", home, valid_from="2018", valid_to="2021-06")
    coimbra = ana.was("I live in Coimbra.", porto, valid_to="2018")
    ana.said(porto, "c7", "2019-02-01T08:00:00+00:00", title="Rent", quote="my flat in Porto")
    found = shown(ana, ana.entry("Lives in Lisbon.", home))
    before = found.one("div", class_="before").all("li", class_="fact")
    assert [fact.attributes["data-fact"] for fact in before] == [str(porto.id), str(coimbra.id)]
    assert before[0].text == "I live in Porto. 2018 to June 2021 “my flat in Porto” Rent 1 February 2019"
    assert before[1].text == "I live in Coimbra. until 2018"


def test_facts_that_supersede_one_another_in_a_circle_are_shown_once():
    ana = Person()
    first = ana.fact("I like tea.")
    second = ana.was("I like coffee.", first)
    first.superseded_by = second.id
    assert len(shown(ana, ana.entry("Likes tea.", first)).all("li", class_="fact")) == 2


@pytest.mark.parametrize(
    ("columns", "when"),
    [
        ({"valid_from": "2019"}, "since 2019"),
        ({"valid_from": "2019-03", "valid_to": "2021"}, "March 2019 to 2021"),
        ({"kind": "date", "valid_from": "1990-03-14"}, "14 March 1990"),
        ({"stance": "plan", "valid_from": "2027-01"}, "planned, January 2027"),
        ({"stance": "past", "valid_from": "2010", "valid_to": "2010"}, "in the past, 2010"),
    ],
)
def test_when_a_fact_holds_is_as_exact_as_it_was_said(columns, when):
    ana = Person()
    fact = ana.fact("It is so.", **columns)
    entry = ana.entry("About it.", fact)
    assert shown(ana, entry).one("span", class_="when").text == when


def test_sections_and_entries_stand_in_the_order_of_memory():
    ana = Person()
    fact = ana.fact("I like tea.")
    ana.entry("third", fact, section=MemorySection.PEOPLE)
    ana.entry("second", fact, section=MemorySection.PERSON, position=1)
    ana.entry("first", fact, section=MemorySection.PERSON, position=0)
    page = ana.page()
    assert [title.text for title in page.all("h2")] == ["Who you are", "People"]
    assert [text.text for text in page.all("span", class_="text")] == ["first", "second", "third"]
    targets = [link.attributes["href"][1:] for link in page.one("nav").all("a")]
    assert targets == [section.attributes["id"] for section in page.all("section")]


def test_a_fact_that_is_said_every_day_opens_to_the_latest_and_says_how_many_there_are():
    ana = Person()
    fact = ana.fact("I like tea.")
    for number in range(1, 31):
        ana.said(fact, f"c{number}", f"2024-03-{number:02}T10:00:00+00:00", title=f"Talk {number}")
    found = shown(ana, ana.entry("Likes tea.", fact))
    assert "said in 30 conversations, last 30 March 2024" in found.one("summary").text
    assert [title.text for title in found.all("cite")] == [f"Talk {number}" for number in range(30, 24, -1)]
    assert "and in 24 earlier conversations" in found.text


def test_each_of_several_days_of_a_conversation_stands_beside_what_was_said_then():
    ana = Person()
    fact = ana.fact("I like tea.")
    ana.said(fact, at="2024-03-01T10:00:00+00:00", quote="tea please", message=0)
    ana.said(fact, at="2024-03-09T10:00:00+00:00", quote="tea again", message=8)
    ana.said(fact, at="2024-03-09T10:00:00+00:00", quote="tea again", message=8)  # two chunks overlap there
    found = shown(ana, ana.entry("Likes tea.", fact))
    assert found.one("figure").text == "“tea again” 9 March 2024 “tea please” 1 March 2024 Plans"


def test_what_the_person_has_told_the_app_is_said_to_be_theirs():
    ana = Person()
    entry = ana.entry("No bullets.", ana.fact("No bullets.", origin="person"), origin="person")
    found = shown(ana, entry)
    assert found.one("summary").text == "No bullets. your own words"
    assert "You told the app so yourself." in found.one("li", class_="fact").text


def test_what_is_not_there_any_more_is_said_to_be_gone():
    ana = Person()
    fact = ana.fact("I like tea.")
    ana.said(fact, "gone")
    ana.said(fact, "untitled", title="")
    del ana.rows.titles["gone"]
    entry = ana.entry("Likes tea and jam.", fact, ana.fact("I like jam."))
    ana.rows.facts.pop()
    found = shown(ana, entry)
    titles = {title.text for title in found.all("cite")}
    assert titles == {"a conversation that is no longer stored", "a conversation without a title"}
    assert "What else it was written from is no longer known." in found.text


def test_a_memory_without_entries_says_so():
    page = Person().page()
    assert "Nothing is remembered yet." in page.one("main").text
    assert page.all("nav") == page.all("details") == []


def test_facts_that_have_no_place_in_memory_are_counted():
    ana = Person()
    ana.entry("Likes tea.", ana.fact("I like tea."))
    ana.rows.known = 1_241
    assert "1,240 more facts are known" in ana.page().one("footer").text


def test_a_remark_stands_at_the_top():
    assert parsed(Person().html("A stand-in wrote this.")).one(role="note").text == "A stand-in wrote this."


def test_the_language_of_texts_is_that_of_their_facts_and_never_english_by_accident():
    ana = Person()
    hebrew, german = ana.fact("אני אוהבת קפה.", language="he"), ana.fact("Ich mag Tee.", language="de")
    unknown = ana.fact("??", language='x" onclick="alert(1)')
    ana.said(hebrew, title="Café")
    entries = [ana.entry("אוהבת קפה.", hebrew), ana.entry("Beides.", hebrew, german), ana.entry("??", unknown)]
    page = ana.page()
    texts = [page.one("li", data_entry=entry.id).one("span", class_="text").attributes for entry in entries]
    assert [text["lang"] for text in texts] == ["he", "", ""]
    assert {text["dir"] for text in texts} == {"auto"}
    assert {quote.attributes["lang"] for quote in page.all("blockquote")} == {"he"}
    assert {title.attributes["lang"] for title in page.all("cite")} == {""}


HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</style></title></details></main><h1>owned",
    "\"' onmouseover=alert(1) x='{{ 7 * 7 }} {% raw %} &lt;b&gt; <!--",
    "javascript:alert(1) https://example.com/x.png",
    "\u202eevil\u202d \x00\x1b]0;title\x07 \ud800 \u2028 line\nbreak",
    "w" * 10_000,
    "é👩‍👩‍👧‍👦" * 2_000,
    "a" + "\u0301" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_is_nothing_but_text_wherever_it_stands(text, tmp_path):
    def memory(text):
        ana = Person()
        fact = ana.fact(text)
        ana.was(text, fact)
        ana.said(fact, text, title=text)
        ana.entry(text, fact)
        return ana

    def shape(node):
        return [(each.tag, sorted(each.attributes)) for each in node.all()]

    html = memory(text).html()
    assert shape(parsed(html)) == shape(memory("I like tea.").page())
    assert " ".join(text.split())[:40].split("\x00")[0] in parsed(html).one("span", class_="text").text
    write(html, tmp_path / "memory.html")
    assert not any(ord(sign) < 32 and sign != "\n" for sign in html)


def test_a_long_quote_and_a_long_title_are_cut_between_characters():
    ana = Person()
    fact = ana.fact("It is so.")
    family = "👩‍👩‍👧‍👦"
    ana.said(fact, quote=family * 500, title=family * 500)
    found = shown(ana, ana.entry("It is so.", fact))
    assert found.one("blockquote").text == f"“{family * 400}…”"
    assert found.one("cite").text == family * 120 + "…"


def test_the_page_loads_and_runs_nothing():
    ana = Person()
    ana.entry("See https://example.com/a.png", ana.fact("See https://example.com/a.png"))
    page = ana.page()
    assert not page.all("script") + page.all("link") + page.all("img") + page.all("iframe") + page.all("form")
    assert all(link.attributes["href"].startswith("#") for link in page.all("a"))
    assert not any(name.startswith("on") or name in ("src", "style") for node in page.all() for name in node.attributes)
    (policy,) = page.all("meta", http_equiv="Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'; ")


def test_the_file_is_for_its_owner_only_also_where_one_is_there(tmp_path):
    path = tmp_path / "memory.html"
    path.write_text("old")
    path.chmod(0o644)
    old_mask = os.umask(0)
    try:
        write("new", path)
    finally:
        os.umask(old_mask)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["memory.html"]


def test_three_thousand_facts_make_a_page_of_four_megabytes_at_most():
    ana = Person()
    for number in range(3_000):
        fact = ana.fact(f"I like the thing with the number {number} more than any other thing that there is.")
        ana.said(fact, f"c{number}")
        ana.said(fact, f"d{number}", "2023-01-03T10:00:00+00:00")
        ana.entry(fact.text, fact)
    assert len(ana.html().encode()) < 4_000_000
