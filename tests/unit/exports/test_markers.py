"""What ChatGPT and Claude put into texts to show something."""

import pytest

from flows.exports.markers import without_citations, without_placeholders

OPEN, CLOSE, THEN = "\ue200", "\ue201", "\ue202"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"It rained.{OPEN}cite{THEN}turn0search1{THEN}turn0news2{CLOSE} Then not.", "It rained. Then not."),
        (f'By {OPEN}entity{THEN}["people","Juhan Liiv","poet"]{CLOSE}.', "By Juhan Liiv."),
        (f"By {OPEN}entity{THEN}no list{CLOSE}.", "By."),
        ("Look at \ue203this part\ue204 now.", "Look at this part now."),
        ("See the file.【4†source】 And 【12:0†report.pdf】", "See the file. And"),
        (f"Broken off {OPEN}cite{THEN}turn0", "Broken off "),
        (f"{OPEN}filecite{THEN}turn0file0{THEN}L1-L3{CLOSE}", ""),
        ("【東京】 is a title, † a dagger", "【東京】 is a title, † a dagger"),
    ],
)
def test_a_text_is_as_the_person_reads_it(text, shown):
    assert without_citations(text) == shown


@pytest.mark.parametrize(
    "said",
    [
        "This block is not supported on your current device yet.",
        "Viewing artifacts created via the Analysis Tool web feature preview isn’t yet supported on mobile.",
    ],
)
def test_what_stands_for_a_block_is_not_said(said):
    placeholder = f"```\n{said}\n```"
    assert without_placeholders(placeholder) == ""
    assert without_placeholders(f"Here.\n\n{placeholder}\n\nDone.") == "Here.\n\n\n\nDone."
    assert without_placeholders("```\ncode\n```") == "```\ncode\n```"
