"""Terraform plans whose records are the same before and after, and that can end without them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ssosim.changes.diff import compare
from ssosim.cli import main
from ssosim.dns import put_rrset
from ssosim.dns.imports.tree import read_tree_with_warnings
from tests.dns.provider_trees import resource, terraform

AZURE = {"name": "www", "zone_name": "x.test", "ttl": 60, "records": ["192.0.2.1"], "resource_group_name": "rg"}
R53 = {"name": "www.y.test", "zone_id": "Z1", "type": "A", "ttl": 60, "records": ["192.0.2.1"]}
KINDS = [("azurerm_dns_a_record", AZURE), ("aws_route53_record", R53)]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder and a working folder of its own."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def check(capsys: pytest.CaptureFixture[str], *resources: dict[str, Any]) -> tuple[str, list[str]]:
    """The outcome of ``ssosim dns check`` of the plan, and the reasons of a high risk."""
    Path("plan.json").write_text(json.dumps(terraform(*resources)), encoding="utf-8")
    code = main(["dns", "check", "--from", "plan.json", "--to", "plan.json", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert code == (result["outcome"] == "fail")
    return result["outcome"], [each["text"] for each in result["risk"]["reasons"] if each["level"] == "high"]


def named(address: str, found: dict[str, Any]) -> dict[str, Any]:
    """The resource with another address."""
    return found | {"address": address}


@pytest.mark.parametrize(("kind", "values"), KINDS)
@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (["delete", "create"], "is deleted and created again"),
        (["create", "delete"], "the deletion takes away what the plan creates"),
    ],
)
def test_a_record_set_that_is_replaced_is_a_high_risk(
    capsys: pytest.CaptureFixture[str], kind: str, values: dict[str, Any], actions: list[str], words: str
) -> None:
    """A replaced resource is missing in between, and with create_before_destroy afterwards (provider issue 32460)."""
    outcome, reasons = check(capsys, resource(kind, values, values, actions=actions))
    assert (outcome, [words in text for text in reasons]) == ("fail", [True])


@pytest.mark.parametrize(("kind", "values"), KINDS)
def test_a_record_set_of_two_resources_is_a_high_risk_if_one_goes(
    capsys: pytest.CaptureFixture[str], kind: str, values: dict[str, Any]
) -> None:
    """Another resource name without a moved block: the deletion can come last (provider issues 1202 and 2516)."""
    gone = named("old.x", resource(kind, None, values, actions=["delete"]))
    stays = named("new.x", resource(kind, values, actions=["create"]))
    outcome, reasons = check(capsys, gone, stays)
    assert (outcome, ["deleted by old.x and kept by new.x" in text for text in reasons]) == ("fail", [True])


def test_a_deposed_object_with_the_name_of_a_record_is_a_high_risk(capsys: pytest.CaptureFixture[str]) -> None:
    """What an earlier replacement left over is deleted by name and type, which is the record in use."""
    kept = resource("aws_route53_record", R53, R53, actions=["no-op"])
    deposed = resource("aws_route53_record", None, R53, actions=["delete"], deposed="0a")
    outcome, reasons = check(capsys, kept, deposed)
    assert (outcome, ["a deposed object" in text for text in reasons]) == ("fail", [True])


@pytest.mark.parametrize("kind", ["azurerm_dns_zone", "aws_route53_zone"])
def test_a_zone_that_is_replaced_is_a_high_risk(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """A new zone of the same name can have other name servers than those of its delegation."""
    zone = {"name": "z.test", "zone_id": "Z9"}
    unknown = {"zone_id": True, "name_servers": True}
    found = resource(kind, {"name": "z.test"}, zone, unknown=unknown, actions=["delete", "create"])
    outcome, reasons = check(capsys, found)
    assert (outcome, ["other name servers than its delegation" in text for text in reasons]) == ("fail", [True])


@pytest.mark.parametrize(
    ("gone", "stays"),
    [
        (R53 | {"name": "old.y.test"}, R53),
        (R53 | {"type": "TXT", "records": ["a"]}, R53),
        (R53 | {"name": "WWW.Y.TEST."}, None),
    ],
    ids=["another name", "another type", "nothing stays"],
)
def test_other_deletions_are_no_interruption(
    capsys: pytest.CaptureFixture[str], gone: dict[str, Any], stays: dict[str, Any] | None
) -> None:
    """The other side: a deletion that takes away no record of the result is what the plan says."""
    resources = [named("old.x", resource("aws_route53_record", None, gone, actions=["delete"]))]
    if stays is not None:
        resources.append(named("new.x", resource("aws_route53_record", stays, stays, actions=["no-op"])))
    assert not [text for text in check(capsys, *resources)[1] if "old.x" in text]


def test_record_sets_of_a_routing_policy_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Record sets of one name and type with other set identifiers are others (Route 53, ``SetIdentifier``)."""
    one, two = (R53 | {"set_identifier": text, "weighted_routing_policy": [{"weight": 1}]} for text in "ab")
    gone = named("old.x", resource("aws_route53_record", None, one, actions=["delete"]))
    stays = named("new.x", resource("aws_route53_record", two, two, actions=["no-op"]))
    Path("plan.json").write_text(json.dumps(terraform(gone, stays)), encoding="utf-8")
    code = main(["dns", "check", "--from", "plan.json", "--to", "plan.json", "--json", "--without", "ROUTING"])
    assert (code, json.loads(capsys.readouterr().out)["outcome"]) == (0, "nothing-to-do")


def test_plan_does_not_say_that_there_is_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """``ssosim dns plan`` shows the risk of a replacement although no record differs."""
    found = resource("aws_route53_record", R53, R53, actions=["delete", "create"])
    Path("plan.json").write_text(json.dumps(terraform(found)), encoding="utf-8")
    assert main(["dns", "plan", "--from", "plan.json", "--to", "plan.json"]) == 0
    printed = capsys.readouterr().out
    assert "nothing to do" not in printed
    assert "www.y.test A is deleted and created again" in printed


def test_a_change_of_the_result_of_a_plan_interrupts_nothing() -> None:
    """What the plan takes away is a matter of the plan, and not of a change that is made after it."""
    found = resource("aws_route53_record", R53, R53, actions=["delete", "create"])
    Path("plan.json").write_text(json.dumps(terraform(found)), encoding="utf-8")
    zones = read_tree_with_warnings(Path("plan.json"))[0]
    assert zones.interruptions
    assert not compare(zones, put_rrset(zones, "api.y.test", "A", ["192.0.2.9"], 60)).interrupted
