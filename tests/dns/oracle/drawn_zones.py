"""Draws zones with Hypothesis: few labels, so that wildcards, cuts, DNAMEs and empty non-terminals meet often."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

__all__ = ["draw_zones", "zone_texts"]

LABELS = ("a", "b", "*", "www", "X", "ns")
VALUES = {
    "A": ("192.0.2.1", "192.0.2.2"),
    "AAAA": ("2001:db8::1",),
    "TXT": ('"t"',),
    "MX": ("10 a", "20 mail.other.test."),
    "CNAME": ("a", "b.a", "www", "x.other.test.", "@"),
    "DNAME": ("a", "b.www", "other.test."),
    "NS": ("ns", "ns.a", "ns.other.test."),
    "DS": ("1 13 2 AAAABBBBCCCCDDDDAAAABBBBCCCCDDDDAAAABBBBCCCCDDDDAAAABBBBCCCCDDDD",),
    "CAA": ('0 issue "ca.test"',),
    "TYPE65280": ("\\# 2 abcd",),
}

owners = st.lists(st.sampled_from(LABELS), min_size=0, max_size=4).map(lambda labels: ".".join(labels) or "@")
records = st.tuples(owners, st.sampled_from(sorted(VALUES)), st.integers(0, 4))


@st.composite
def zone_texts(draw: st.DrawFn) -> str:
    """The records of one zone, without its SOA: no CNAME beside other data, and nothing that named refuses to load."""
    kept: dict[tuple[str, str], list[str]] = {}
    for owner, kind, number in draw(st.lists(records, min_size=1, max_size=14)):
        key = owner.lower()
        at_owner = {other for name, other in kept if name == key}
        alone = kind == "CNAME" and (at_owner or key == "@")
        wild = key.startswith("*") and kind in ("NS", "DS", "DNAME")
        if alone or "CNAME" in at_owner or wild or (key == "@" and kind in ("NS", "DS", "DNAME")):
            continue
        if kind == "DS" and "NS" not in at_owner:
            continue
        values = kept.setdefault((key, kind), [])
        value = VALUES[kind][number % len(VALUES[kind])]
        if not (values and kind in ("CNAME", "DNAME")) and value not in values:
            values.append(value)
    return "".join(f"{owner} {kind} {value}\n" for (owner, kind), values in kept.items() for value in values)


def draw_zones(count: int, start: int) -> dict[str, str]:
    """``count`` zones, the same for equal ``start``: zone file text by origin."""
    found: list[str] = []

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(zone_texts())
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return dict(_with_apex(found, start))


def _with_apex(texts: list[str], start: int) -> Iterator[tuple[str, str]]:
    pick = random.Random(start)  # noqa: S311 - not for secrets
    for number, text in enumerate(texts):
        origin = f"drawn{number}.example."
        ttl, minimum = pick.choice((60, 300, 86400)), pick.choice((0, 30, 3600))
        apex = f"@ SOA ns.other.test. h.other.test. {number} 2 3 4 {minimum}\n@ NS ns.other.test.\n"
        yield origin, f"$ORIGIN {origin}\n$TTL {ttl}\n{apex}{text}"
