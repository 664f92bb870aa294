"""One zone in many forms: shapes of files that servers, providers and people write. Each notes where it was seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from dns.rdatatype import SOA

from ssosim.dns import ZoneSet
from ssosim.dns.imports.tree import read_tree_with_warnings
from ssosim.dns.zones.rrset import RRset, plain, to_name

CORPUS = Path(__file__).parent / "zone_corpus"
FORMS = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
ORIGIN = to_name("example.com.")
REFERENCE = "plain"


def records_of(zones: ZoneSet) -> dict[tuple[str, str], RRset]:
    """The record sets of the zone, by name and type."""
    return {(plain(rrset.name), rrset.type.name): rrset for rrset in zones.zones[ORIGIN].rrsets()}


def test_the_corpus_is_large() -> None:
    """At least 60 forms, each in a folder, and each says in a file where the shape was seen."""
    assert len(FORMS) >= 60
    for form in FORMS:
        texts = [path.read_bytes().replace(b"\x00", b"") for path in (CORPUS / form).rglob("*") if path.is_file()]
        assert any(b"Shape: " in text for text in texts), form


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_zone(form: str) -> None:
    """The record sets, their values and their TTLs are those of the reference, whatever the form."""
    expected = records_of(read_tree_with_warnings(CORPUS / REFERENCE)[0])
    zones, _ = read_tree_with_warnings(CORPUS / form)
    assert [plain(origin) for origin in zones.zones if len(origin) > 1] == ["example.com"]
    found = records_of(zones)
    if ("example.com", "SOA") not in found:  # a provider without a SOA of the user's
        expected.pop(("example.com", "SOA"))
    assert {key: (rrset.ttl, rrset.content) for key, rrset in found.items()} == {
        key: (rrset.ttl, rrset.content) for key, rrset in expected.items()
    }
    assert SOA in zones.zones[ORIGIN].node(ORIGIN) or form.startswith(("octodns", "terraform", "dnscontrol"))
