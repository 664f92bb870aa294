"""Records that Cloudflare answers otherwise than they are written: proxied, flattened, with the automatic TTL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ssosim.dns.imports import ImportMistakeError
from ssosim.dns.imports.tree import read_tree_with_warnings
from tests.dns.provider_trees import list_records, octodns_tree, read_json
from tests.dns.test_provider_mistakes import domain

HEAD = """\
;; Domain:     x.test.
x.test\t3600\tIN\tSOA\tadi.ns.cloudflare.com. dns.cloudflare.com. 1 10000 2400 604800 3600
x.test.\t86400\tIN\tNS\tadi.ns.cloudflare.com.
"""


def export(folder: Path, *lines: str, without: Sequence[str] = ()) -> dict[str, list[str]]:
    """The records of an export with these lines. Raises ImportMistakeError."""
    path = folder / "x.test.txt"
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return list_records(read_tree_with_warnings(path, without=without)[0])


@pytest.mark.parametrize(
    "line",
    [
        "www.x.test.\t1\tIN\tA\t192.0.2.1 ; cf_tags=cf-proxied:true",
        "www.x.test.\t300\tIN\tAAAA\t2001:db8::1 ; my comment cf_tags=team:web,cf-proxied:true",
        "www.x.test.\t1\tIN\tCNAME\tx.test. ; cf_tags=cf-proxied:true",
    ],
)
def test_a_proxied_record_blocks_the_import(tmp_path: Path, line: str) -> None:
    """Cloudflare answers with its own addresses, so the written one is not what clients get (proxy status)."""
    with pytest.raises(ImportMistakeError, match=r"txt:4: www\.x\.test PROXIED: cannot be served: it is proxied"):
        export(tmp_path, line)
    assert export(tmp_path, line, "a.x.test.\t60\tIN\tA\t192.0.2.2", without=["PROXIED"]) == {
        "a.x.test A": ["60 192.0.2.2"]
    }


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("www.x.test.\t1\tIN\tA\t192.0.2.1 ; cf_tags=cf-proxied:false", ["300 192.0.2.1"]),
        ("www.x.test.\t60\tIN\tA\t192.0.2.1", ["60 192.0.2.1"]),
        ('www.x.test.\t1\tIN\tTXT\t"; cf_tags=cf-proxied:true"', ['300 "; cf_tags=cf-proxied:true"']),
        ("www.x.test.\t1\tIN\tCNAME\ta.z.test. ; cf_tags=cf-proxied:false", ["300 a.z.test."]),
        ("www\t1\tIN\tMX\t1 a.z.test.", ["300 1 a.z.test."]),
    ],
)
def test_other_records_are_read_as_they_are_written(tmp_path: Path, line: str, wanted: list[str]) -> None:
    """The other side: DNS-only records are served, and a TTL of 1 is the automatic one of 300 seconds."""
    [values] = export(tmp_path, line).values()
    assert values == wanted


@pytest.mark.parametrize("owner", ["flat.x.test.", "x.test."])
def test_a_flattened_cname_answers_with_addresses(tmp_path: Path, owner: str) -> None:
    """A CNAME that is flattened, as each at the apex is, gives the addresses of its target and no CNAME."""
    tags = "cf-proxied:false,cf-flatten-cname" if owner.startswith("flat") else "cf-proxied:false"
    lines = [f"{owner}\t1\tIN\tCNAME\tweb.x.test. ; cf_tags={tags}", "web.x.test.\t60\tIN\tA\t192.0.2.1"]
    assert export(tmp_path, *lines)[f"{owner.rstrip('.')} A"] == ["alias web.x.test"]
    with pytest.raises(ImportMistakeError, match="ALIAS: cannot be served"):
        export(tmp_path, f"{owner}\t1\tIN\tCNAME\ta.z.test. ; cf_tags={tags}")


@pytest.mark.parametrize("kind", ["A", "CNAME", "ALIAS"])
def test_a_proxied_record_of_octodns_blocks_the_import(tmp_path: Path, kind: str) -> None:
    """``octodns: cloudflare: proxied: true`` is what octodns-cloudflare pushes as a proxied record."""
    value = "192.0.2.1" if kind == "A" else "a.x.test."
    name = "''" if kind == "ALIAS" else "www"
    text = f"{name}: {{type: {kind}, value: {value}, octodns: {{cloudflare: {{proxied: true}}}}}}\n"
    with pytest.raises(ImportMistakeError, match="PROXIED: cannot be served"):
        octodns_tree(tmp_path, text)


def test_the_automatic_ttl_of_octodns(tmp_path: Path) -> None:
    """``auto-ttl: true`` is 300 seconds whatever ``ttl`` says, and ``proxied: false`` is an ordinary record."""
    own = "{cloudflare: {auto-ttl: true, proxied: false}}"
    found, _ = octodns_tree(tmp_path, f"www: {{type: A, ttl: 60, value: 192.0.2.1, octodns: {own}}}\n")
    assert found == {"www.x.test A": ["300 192.0.2.1"]}


@pytest.mark.parametrize(
    ("own", "default", "is_proxied"),
    [("on", None, True), ("full", None, True), ("off", "on", False), (None, "on", True), (None, "off", False)],
)
def test_a_proxied_record_of_dnscontrol_blocks_the_import(
    tmp_path: Path, own: str | None, default: str | None, is_proxied: bool
) -> None:
    """``cloudflare_proxy`` of a record, or ``cloudflare_proxy_default`` of its domain."""
    record = {"type": "A", "name": "www", "ttl": 300, "target": "192.0.2.1"}
    record |= {} if own is None else {"meta": {"cloudflare_proxy": own}}
    data = domain(record, **({} if default is None else {"meta": {"cloudflare_proxy_default": default}}))
    if is_proxied:
        with pytest.raises(ImportMistakeError, match=r"www\.x\.test PROXIED: cannot be served"):
            read_json(tmp_path, data)
    else:
        assert read_json(tmp_path, data)[0] == {"www.x.test A": ["300 192.0.2.1"]}
