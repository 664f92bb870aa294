"""The HTML page: complete, closed to the outside, and not fooled by what is in a trace."""

import re
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html

from ssosim.report.html import html_report
from ssosim.report.safe_text import clean, escape, span

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)> \"' & $again \x00\x1b[31m \u202egnp.exe"


def _page(story):
    return html.document_fromstring(html_report(story.result, story.records, again="ssosim run story"))


def test_all_that_was_found_is_on_the_page(story):
    """Every verdict in the drawing, in the table and explained; faults, sources, seed and command; times in UTC."""
    tree = _page(story())
    text = " ".join(tree.text_content().split())
    assert len(tree.xpath("//svg//a")) == len(tree.xpath("//details")) == 6
    assert len(tree.xpath("//section[@aria-labelledby='verdicts']//tbody//td[a]")) == 6
    for part in (
        "1 Mar 2026 08:00 to 1 Mar 2026 09:30 UTC, 1 h 30 min",
        "6 of 6 outcomes",
        "seed 7",
        "ssosim run story",
    ):
        assert part in text
    for part in ("record autologon.example emptied", "a public account", "A autologon.example → NODATA"):
        assert part in text
    assert "silent after 10 min" in _page(story(clients=tuple("abcde"))).xpath("string(//main)")
    states = tree.xpath("//svg//rect[starts-with(@class, 'b-')]/@class")
    assert states == ["b-addresses", "b-empty", "b-addresses"]


def test_an_unexpected_outcome_is_marked_and_open(story):
    """What differs from the expectation is framed in the drawing, said in words and unfolded; colour is not needed."""
    tree = _page(story(unexpected=True))
    assert len(tree.xpath("//svg//rect[@class='unexpected']")) == len(tree.xpath("//details[@open]")) == 2
    assert len(tree.xpath("//*[contains(@class, 'wrong') and contains(., 'expected: interactive')]")) == 4
    assert "✗ 4 of 6 outcomes" in tree.text_content()
    assert tree.xpath("//svg//a/@aria-label")[1] == "office, broken: stalled, but interactive was expected"


def test_every_outcome_has_a_pattern_or_is_plain_and_a_word_or_letter(story):
    """Colour never stands alone, in a narrow block either."""
    tree = _page(story(clients=tuple(f"c{n}" for n in range(5)), phases=tuple(f"p{n}" for n in range(30))))
    patterns = {
        rect.getnext().get("fill") if rect.getnext() is not None and rect.getnext().tag == "rect" else ""
        for rect in tree.xpath("//svg//a/rect[contains(@class, 'hit')]")
    }
    assert patterns == {"", "url(#p-dots)", "url(#p-rise)", "url(#p-cross)", "url(#p-bars)"}
    assert {text.text for text in tree.xpath("//svg//a/text")} == set("SITRF")
    assert {found[5:-1] for found in patterns if found} <= set(tree.xpath("//svg//pattern/@id"))


@pytest.mark.parametrize("place", ["clients", "phases", "title", "detail"])
def test_hostile_text_stays_text(story, place):
    """Mark-up, quotes, template marks, control and direction characters in any value change nothing but the text."""
    value = HOSTILE if place in ("title", "detail") else (HOSTILE, "b", "c")
    text = html_report(story(**{place: value}).result, story(**{place: value}).records, again=HOSTILE)
    tree = html.document_fromstring(text)
    plain = html_report(story().result, story().records, again="x")
    assert not tree.xpath("//script | //img | //iframe | //object | //link | //form | //base")
    assert len(tree.xpath("//style")) == 1
    assert {name for element in tree.iter(etree.Element) for name in element.keys()} <= {  # noqa: SIM118 - lxml's
        name
        for element in html.document_fromstring(plain).iter(etree.Element)
        for name in element.keys()  # noqa: SIM118
    } | {"open"}
    assert not set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text))
    assert "\\u202e" in text
    assert "<script>alert(1)</script>" in tree.text_content()


def test_nothing_is_fetched_and_nothing_runs(story):
    """The policy allows the page's own style sheet, by its digest, and no more; all links stay on the page."""
    text = html_report(story().result, story().records)
    tree = html.document_fromstring(text)
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'", policy
    )
    assert all(link.startswith("#") for link in tree.xpath("//@href"))
    assert not tree.xpath("//@src | //@style | //@*[starts-with(name(), 'on')]")
    assert "http" not in re.sub(r"http-equiv|https://login\.example|layer.*?http", "", tree.xpath("string(//style)"))
    assert "url(" not in tree.xpath("string(//style)")


def test_a_screen_reader_finds_its_way(story):
    """Language, landmarks, one main heading, no level left out, captions, scopes, labels, and no dead or double id."""
    tree = _page(story(unexpected=True))
    assert tree.get("lang") == "en"
    assert all(len(tree.xpath(f"//{name}")) == 1 for name in ("header", "main", "footer", "h1", "head/title"))
    levels = [int(heading.tag[1]) for heading in tree.iter("h1", "h2", "h3")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(table.find("caption") is not None for table in tree.iter("table"))
    assert all(cell.get("scope") in ("row", "col") for cell in tree.iter("th"))
    ids = Counter(tree.xpath("//@id"))
    assert max(ids.values()) == 1
    used = [link[1:] for link in tree.xpath("//@href")]
    used += [name for names in tree.xpath("//@aria-labelledby") for name in names.split()]
    assert set(used) <= set(ids)
    (drawing,) = tree.xpath("//svg[@role]")
    assert drawing.findtext("title")
    assert drawing.findtext("desc")
    assert all(link.get("aria-label") for link in drawing.iter("a"))
    assert all(text.get("aria-hidden") == "true" for text in drawing.iter("text"))


def test_the_same_run_gives_the_same_page(story):
    """No clock and no chance in it: two reports of one run are equal, so they can be compared and kept."""
    assert html_report(story().result, story().records) == html_report(story().result, story().records)


@given(st.text(max_size=60))
def test_any_text_is_well_formed_xml(text):
    """After cleaning and escaping, whatever text is content of an XML 1.0 document, and reads as it was cleaned."""
    document = etree.fromstring(f"<a b='{escape(text)}'>{escape(text)}</a>".encode())
    assert (document.text or "") == clean(text)
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "at once"), (0.4, "0.4 s"), (12, "12 s"), (258, "4 min 18 s"), (30780, "8 h 33 min"), (3600, "1 h")],
)
def test_lengths_of_time(seconds, text):
    """Seconds are told for people."""
    assert span(seconds) == text
