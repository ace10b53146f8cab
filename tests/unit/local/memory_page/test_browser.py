"""What no parser can tell: how a browser lays the page out, and that it runs nothing of it."""

import html
import json
import re

import pytest

from tests import browser
from tests.unit.local.memory_page.person import Person

pytestmark = pytest.mark.skipif(not browser.found(), reason=browser.MISSING)

#: Looks into the page from outside, as the page itself may run nothing. An error would be a script of the page.
_LOOK = """{frames}<script>
window.owned = [];
onload = () => {{
  const found = [...document.querySelectorAll("iframe")].map(frame => {{
    const page = frame.contentDocument;
    // What is out of sight is laid out when it is scrolled to.
    page.querySelectorAll(".entries > li").forEach(each => each.style.contentVisibility = "visible");
    const closed = page.documentElement.scrollHeight;
    page.querySelectorAll("details").forEach(each => each.open = true);
    return {{
      width: page.documentElement.scrollWidth, owned: window.owned, closed: closed,
      open: page.documentElement.scrollHeight, seen: page.querySelector(".before blockquote").offsetHeight,
    }};
  }});
  document.body.innerHTML = "<pre>found " + JSON.stringify(found) + " end</pre>";
}};
</script>"""

_FRAME = '<iframe style="width:{width}px;height:800px;border:0" srcdoc="{page}"></iframe>'
_WIDTHS = (375, 1280)  # a phone's, a laptop's
_ATTACK = "<script>parent.owned.push('script')</script><img src=x onerror=\"parent.owned.push('image')\">"


def look(page, folder):
    """What is found in each of the widths."""
    path = folder / "look.html"
    frames = "".join(_FRAME.format(width=width, page=html.escape(page)) for width in _WIDTHS)
    path.write_text(_LOOK.format(frames=frames), encoding="utf-8")
    (found,) = re.findall("<pre>found (.*?) end", browser.dom(path))
    return json.loads(found)


def hostile():
    ana = Person()
    for number, text in enumerate([_ATTACK, "w" * 3_000, "👩‍👩‍👧‍👦" * 300, "\u202eمرحبا" * 100, "I like tea."]):
        fact = ana.fact(text, valid_from="2019-03-04", valid_to="2021-06-07")
        ana.said(ana.was(text, fact), f"c{number}", title=text)
        ana.said(fact, f"c{number}", title=text)
        ana.entry(text, fact, position=number)
    return ana.html()


def test_the_page_fits_its_window_opens_without_scripts_and_runs_none(tmp_path):
    for width, found in zip(_WIDTHS, look(hostile(), tmp_path), strict=True):
        assert found["width"] <= width
        assert found["seen"] > 0
        assert found["open"] > found["closed"]
        assert found["owned"] == []


def test_a_script_that_got_onto_the_page_would_be_refused(tmp_path):
    page = hostile().replace("</main>", "<script>parent.owned.push('script')</script></main>")
    assert [found["owned"] for found in look(page, tmp_path)] == [[], []]
