"""A zone that stays while its parent zone no longer delegates to it: nobody reaches it, so its names are lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ssosim.cli import main

SSO = "microsoftazuread-sso.com"
HEAD = "$TTL 300\n{origin}. SOA ns1.lab.invalid. h.lab.invalid. 1 3600 900 1209600 60\n{origin}. NS ns1.lab.invalid.\n"
DELEGATED = f"{SSO}. NS ns1.{SSO}.\nns1.{SSO}. A 192.0.2.9\n"
CHILD = f"ns1 A 192.0.2.9\nautologon A 192.0.2.20\n@ NS ns1.{SSO}.\n"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder and a working folder of its own."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def write(side: str, zones: dict[str, str]) -> None:
    """Write the zone files of one side."""
    Path(side).mkdir()
    for origin, records in zones.items():
        text = HEAD.format(origin=origin) + records
        Path(side, f"{origin}.zone").write_text(text, encoding="utf-8")


def check(capsys: pytest.CaptureFixture[str], before: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
    """The result of ``ssosim dns check`` for zones before and after."""
    write("a", before)
    write("b", after)
    code = main(["dns", "check", "--from", "a", "--to", "b", "--json"])
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (result["outcome"] == "fail")
    return result


def reasons(result: dict[str, Any]) -> list[str]:
    """The reasons of a high risk."""
    return [each["text"] for each in result["risk"]["reasons"] if each["level"] == "high"]


def test_models_lose_a_host_whose_zone_is_not_delegated_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    """The files still hold the zone, and resolvers get NXDOMAIN from its parent (RFC 1034 section 5.3.3)."""
    result = check(capsys, {"com": DELEGATED, SSO: CHILD}, {"com": "", SSO: CHILD})
    assert f"{SSO} NS is gone from zone com: nobody finds the servers of zone {SSO} any more" in reasons(result)
    [forecast] = result["forecast"]
    worse = [each for view in forecast["views"] for each in view["models"] if each["worse"]]
    assert len(worse) > 20
    assert {criterion["criterion"] for criterion in result["failed"]} == {"risk", "worse"}


def test_a_zone_between_that_does_not_delegate_takes_its_child_away(capsys: pytest.CaptureFixture[str]) -> None:
    """A new zone between parent and child is the parent afterwards, and must have the delegation."""
    before = {"x.test": "a.b NS ns.other.test.\n", "a.b.x.test": "www A 192.0.2.1\n"}
    after = before | {"x.test": "b NS ns.other.test.\na.b NS ns.other.test.\n", "b.x.test": "www A 192.0.2.2\n"}
    result = check(capsys, before, after)
    assert "a.b.x.test NS is gone from zone b.x.test: nobody finds the servers of zone a.b.x.test any more" in reasons(
        result
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"x.test": "www A 192.0.2.1\n", "a.x.test": ""}, {"x.test": "www A 192.0.2.2\n", "a.x.test": ""}),
        ({"x.test": "a NS ns1.z.test.\n", "a.x.test": ""}, {"x.test": "a NS ns2.z.test.\n", "a.x.test": ""}),
        ({"x.test": "a NS ns1.z.test.\n", "a.x.test": ""}, {"a.x.test": ""}),
    ],
    ids=["never delegated", "other servers", "the parent is not in the tree"],
)
def test_other_changes_of_a_parent_take_no_zone_away(
    capsys: pytest.CaptureFixture[str], before: dict[str, str], after: dict[str, str]
) -> None:
    """The other side: what was never delegated here, and what may be delegated elsewhere, is no lost delegation."""
    assert not [text for text in reasons(check(capsys, before, after)) if "nobody finds the servers" in text]


def test_names_of_zones_below_a_lost_one_are_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """A zone below one that lost its delegation is not reached either."""
    child = {f"{SSO}": "ns1 A 192.0.2.9\nautologon NS ns1\n", f"autologon.{SSO}": "@ A 192.0.2.20\n"}
    result = check(capsys, {"com": DELEGATED} | child, {"com": ""} | child)
    assert [
        text for text in reasons(result) if text.startswith(f"autologon.{SSO} A has an answer today and none after")
    ]


SERVERS = "@ NS ns1.z.test.\n"
MOVED = {"x.test": SERVERS + "www.a A 192.0.2.1\n"}


@pytest.mark.parametrize(
    ("before", "after", "is_lost"),
    [
        (MOVED, {"x.test": SERVERS, "a.x.test": "www A 192.0.2.1\n"}, True),
        (MOVED, {"x.test": SERVERS + "a NS ns1.z.test.\n", "a.x.test": "www A 192.0.2.1\n"}, False),
        (MOVED, MOVED | {"a.x.test": "www A 192.0.2.1\n"}, False),
        ({"x.test": "www.a A 192.0.2.1\n"}, {"x.test": "", "a.x.test": "www A 192.0.2.1\n"}, False),
    ],
    ids=["not delegated", "delegated", "copied", "private"],
)
def test_records_that_move_into_a_zone_need_its_delegation(
    capsys: pytest.CaptureFixture[str], before: dict[str, str], after: dict[str, str], is_lost: bool
) -> None:
    """A zone of its own is reached once the zone above delegates to it; a private zone (no NS records) needs none."""
    write("a", before)
    write("b", after)
    for path in (Path("a/x.test.zone"), Path("b/x.test.zone")):
        path.write_text(path.read_text().replace("x.test. NS ns1.lab.invalid.\n", ""))
    main(["dns", "check", "--from", "a", "--to", "b", "--json"])
    found = [text for text in reasons(json.loads(capsys.readouterr().out)) if "to which zone x.test does not" in text]
    assert [text.partition(":")[0] for text in found] == ["www.a.x.test"] * is_lost
