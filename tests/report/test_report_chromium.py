"""The report as a browser shows it: a headless Chromium, driven by its debugging protocol."""

import struct
import zlib
from collections import Counter

import pytest

from ssosim.report.html import html_report

COLOURS = {  # of report.css: silent, stalled, refused, interactive, failed
    "light": ("bfe3cf", "ffd7a3", "f3bfd3", "bcd9f5", "d2d3d9"),
    "dark": ("1e5a3b", "7a4708", "742c4d", "1d4c7c", "4a4d55"),
}
PHASES = ["healthy", "kdc-unreachable", "certificate-expired", "WWWWWWWWWWWWWWWWWWWW", *"abcdefghij"]
PAPER = {"light": "ffffff", "dark": "14171a"}


@pytest.fixture
def file(story, written):
    """A report with every outcome, two of them unexpected."""
    told = story(clients=("office", "curl", "native-prompt", "chromium", "adal"), unexpected=True)
    return written(html_report(told.result, told.records, again="ssosim run story --seed 7"))


def _pixels(png):
    """Colours of an 8-bit RGB or RGBA PNG and how often they occur. Source: PNG specification, filters (section 9)."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    size = {2: 3, 6: 4}[kind]
    at, packed = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, stride = zlib.decompress(packed), width * size
    found, before = Counter(), bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        line = _unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), before, size)
        found.update(bytes(line[x : x + 3]).hex() for x in range(0, stride, size * 3))
        before = line
    return found


def _unfilter(kind, line, before, size):
    if kind == 2:
        return bytearray((a + b) & 255 for a, b in zip(line, before, strict=True))
    for x in range(len(line) if kind else 0):
        left, above = (line[x - size] if x >= size else 0), before[x]
        corner = before[x - size] if x >= size else 0
        if kind == 4:
            near = left + above - corner
            guess = min((abs(near - left), 0, left), (abs(near - above), 1, above), (abs(near - corner), 2, corner))[2]
        else:
            guess = {1: left, 3: (left + above) // 2}[kind]
        line[x] = (line[x] + guess) & 255
    return line


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_is_drawn_in_light_and_dark(page, file, scheme):
    """The picture has the paper and every outcome in the colours of the scheme; nothing is complained of or fetched."""
    await page.open(file, 1000, 700, scheme=scheme)
    seen = _pixels(await page.picture())
    assert seen[PAPER[scheme]] > sum(seen.values()) / 2
    assert {colour: seen[colour] for colour in COLOURS[scheme] if seen[colour] < 50} == {}
    assert page.complaints == []


@pytest.mark.parametrize("width", [360, 768, 1600])
async def test_it_fits_every_width(page, file, width):
    """The page itself never scrolls sideways; only the drawing and the tables do, in boxes of their own."""
    await page.open(file, width, 800)
    assert await page.js("document.documentElement.scrollWidth") <= width
    assert await page.js("document.querySelector('svg[role]').getBoundingClientRect().width") > 300


async def test_labels_do_not_run_over_their_blocks(page, story, written):
    """No word in a block is wider than the block, no name reaches into the plot, no phase name into the next."""
    told = story(clients=("office", "a-client-" + "w" * 60), phases=tuple(PHASES), unexpected=True)
    await page.open(written(html_report(told.result, told.records)))
    over = await page.js("""[...document.querySelectorAll('svg a')].filter(a => {
        const block = a.querySelector('.hit').getBBox(), text = a.querySelector('text');
        return text && text.getBBox().x + text.getBBox().width > block.x + block.width + 1;
    }).length""")
    assert over == 0
    crowded = """(() => {
        const names = [...document.querySelectorAll('svg .phase')].map(t => t.getBBox());
        return names.some((name, n) => n + 1 < names.length && name.x + name.width > names[n + 1].x - 2);
    })()"""
    assert not await page.js(crowded)
    assert await page.js("Math.min(...[...document.querySelectorAll('svg .name')].map(t => t.getBBox().x))") >= 0


async def test_everything_is_unfolded_on_paper(page, file):
    """In print every explanation is visible, the folded ones included; on the screen they are not."""
    seen = "[...document.querySelectorAll('.why')].filter(w => w.checkVisibility({contentVisibilityAuto: true})).length"
    await page.open(file)
    assert await page.js(seen) == 4  # of the unexpected ones
    await page.open(file, type="print")
    assert await page.js(seen) == 15
    assert await page.js("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


async def test_the_keyboard_reaches_every_explanation(page, file):
    """Tab goes through the blocks of the drawing in order; Enter opens the explanation and shows it."""
    await page.open(file)
    labels = []
    for _ in range(60):
        await page.key("Tab")
        label = await page.js("document.activeElement.getAttribute('aria-label') || ''")
        labels += [label] if ": " in label else []
        if label.startswith("office, restored"):
            break
    assert labels == ["office, healthy: silent", labels[1], "office, restored: refused"]
    await page.key("Enter")
    await page.js("new Promise(done => requestAnimationFrame(done))")
    assert await page.js("location.hash") == "#why-2-0"
    assert await page.js("document.getElementById('why-2-0').closest('details').open")
    assert await page.js("document.getElementById('why-2-0').getBoundingClientRect().top < innerHeight")


async def test_the_accessibility_tree_is_complete(page, file):
    """A screen reader gets landmarks, a labelled drawing, tables with names, and a name for every link."""
    await page.open(file)
    nodes = (await page.send("Accessibility.getFullAXTree"))["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    roles = Counter(role for role, _ in named)
    assert {role: roles[role] for role in ("banner", "main", "contentinfo")} == {
        "banner": 1,
        "main": 1,
        "contentinfo": 1,
    }
    assert ("table", "Outcome of each client in each phase; phases with their start, UTC") in named
    assert any(name == "Timeline" and role not in ("heading", "StaticText") for role, name in named)
    assert all(name for role, name in named if role in ("link", "table", "heading", "region"))
    assert roles["columnheader"] >= 7
    assert roles["rowheader"] >= 3
    assert sum(role == "link" and name.startswith("office, ") for role, name in named) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_has_contrast(page, file, scheme):
    """Text on paper and on every outcome's colour has the contrast that WCAG 2.2 asks for (4.5 to 1, 1.4.3)."""
    await page.open(file, scheme=scheme)
    pairs = [("--ink", f"--{name}") for name in ("silent", "stalled", "refused", "interactive", "failed")]
    pairs += [
        (ink, paper) for ink in ("--ink", "--soft", "--link", "--good", "--bad") for paper in ("--paper", "--sheet")
    ]
    for ink, paper in pairs:
        values = [
            await page.js(f"getComputedStyle(document.documentElement).getPropertyValue('{name}')")
            for name in (ink, paper)
        ]
        light, dark = sorted((_luminance(value.strip()) for value in values), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper, values)


def _luminance(colour):
    """Relative luminance. Source: WCAG 2.2, definitions."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
