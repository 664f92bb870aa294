"""``ssosim spn`` in the default lab: the three families in each state of the record, by command and by control API."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.spn import RULES

from ssosim.estate import default_estate
from ssosim.faults import CnameForAlias, TrafficManagerDeleted
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.spn_handlers import evaluate_spn_rules
from ssosim.lab.core.lab import Lab
from ssosim.trace import DnsAnswered, KdcExchange, Record

from .conftest import ShapesLab

AUTOLOGON = "autologon.microsoftazuread-sso.com"
MANAGER = "www.tm.a.prd.aadg.trafficmanager.net"
GONE = TrafficManagerDeleted(profile="aadg-autologon")
CNAME = CnameForAlias(name=AUTOLOGON, profile="aadg-autologon")


def _rows(answer: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    return {row["rule"]: [(found["spn"], found["kdc"]) for found in row["candidates"]] for row in answer["rules"]}


async def test_families_in_each_state_of_the_record(tmp_path: Path) -> None:
    """Alias: one SPN, known. CNAME: the forward families ask for an unknown one. Gone: the name as typed (TMS9-082)."""
    known, moved = (f"HTTP/{AUTOLOGON}", "known"), (f"HTTP/{MANAGER}", "unknown")
    async with Lab(default_estate(), tmp_path / "home", tmp_path / "cache") as lab:
        healthy = _rows(await evaluate_spn_rules(lab, AUTOLOGON))
        assert set(healthy) == set(RULES)
        needs_ptr = {"go-spnego"}  # the address has no PTR record
        rows = {rule: tuple(row) for rule, row in healthy.items() if RULES[rule].service == "HTTP"}
        assert {rule for rule, row in rows.items() if row != (known,)} == needs_ptr
        undo = CNAME.apply(lab)
        cname = _rows(await evaluate_spn_rules(lab, AUTOLOGON))
        assert (cname["java"], cname["wininet"], cname["curl-gssapi"]) == ([known], [moved], [moved])
        assert cname["mit-fallback"] == [known, moved]
        undo()
        GONE.apply(lab)
        gone = await evaluate_spn_rules(lab, AUTOLOGON)
        assert gone["dns"]["problem"] == "nodata"
        assert _rows(gone)["wininet"] == [known], "the ticket is not what fails"
        problems = {row["rule"]: row["problem"] for row in gone["rules"] if row["problem"]}
        assert set(problems) == {"firefox-windows", "dotnet", "dotnet-linux", *needs_ptr}
        assert "given up" in problems["firefox-windows"]


async def test_a_pause_of_the_lab_is_no_wait_of_a_client(tmp_path: Path) -> None:
    """A lab that stands still while it answers, for longer than the command waits for a resolver, is no timeout."""
    async with Lab(default_estate(), tmp_path / "home", tmp_path / "cache") as lab:

        def stand_still(record: Record) -> None:
            if record.client == "spn":
                leave()
                time.sleep(0.8)

        leave = lab.trace.subscribe(stand_still, DnsAnswered)
        answer = await evaluate_spn_rules(lab, AUTOLOGON, rules=["wininet"])
    assert answer["dns"]["problem"] == ""
    assert answer["rules"][0]["waits_s"] == 0


async def test_it_asks_the_real_dns_and_the_real_kdc(tmp_path: Path) -> None:
    """Its look-ups and its ticket requests are in the trace under a name of their own; each SPN is asked for once."""
    async with Lab(default_estate(), tmp_path / "home", tmp_path / "cache") as lab:
        await evaluate_spn_rules(lab, AUTOLOGON, rules=["wininet", "java", "curl-sspi"])
        records = [record for record in lab.trace if record.client == "spn"]
    tickets = [r.event for r in records if isinstance(r.event, KdcExchange) and r.event.request == "TGS"]
    assert [(event.service, event.outcome) for event in tickets] == [(f"HTTP/{AUTOLOGON}", "issued")]
    assert any(isinstance(record.event, DnsAnswered) for record in records)


def test_asked_again_and_again(shapes_lab: ShapesLab) -> None:
    """Each question is a new one at the KDC, none is answered from tickets kept; and they share one address."""
    before = _tickets(shapes_lab)
    for _ in range(3):
        text = shapes_lab.run("spn", "autologon.microsoftazuread-sso.com", "--rule", "curl-sspi")
        assert "(known)" in text
    assert _tickets(shapes_lab) == before + 3
    assert len(list((shapes_lab.home / "labs" / "default" / "models").iterdir())) == 1


def _tickets(lab: ShapesLab) -> int:
    """Count the tickets of the command ``spn``, which is no client that ``trace --client`` would have to know."""
    records = [json.loads(line) for line in lab.run("trace", "--json").splitlines()]
    return sum(each.get("client") == "spn" and each.get("outcome") == "issued" for each in records)


@pytest.mark.parametrize("host", ["", "https://x", "a b", "x/y", "user@x", "x" * 254, "h\u00f6st"])
async def test_what_is_no_host_is_refused(tmp_path: Path, host: str) -> None:
    """A URL, a path or nothing at all is an input error, before anything is asked."""
    lab = Lab(default_estate(), tmp_path / "home", tmp_path / "cache")
    with pytest.raises(LabInputError, match="a host name is expected"):
        await evaluate_spn_rules(lab, host)


def test_text_and_json(shapes_lab: ShapesLab) -> None:
    """The text has one line a family with rules and models below; JSON has the same in full."""
    text = shapes_lab.run("spn", "alias.corp.test")
    assert text.startswith("alias.corp.test: CNAME real.corp.test, 10.20.1.2; the first leads back to real.corp.test")
    lines = text.splitlines()
    typed = next(number for number, line in enumerate(lines) if line.split("  ")[0] == "typed")
    assert "HTTP/alias.corp.test (unknown)" in lines[typed]
    assert "curl-sspi" in lines[typed + 1]
    assert "models: msal4j-iwa" in text
    answer = json.loads(shapes_lab.run("spn", "alias.corp.test", "--json"))
    assert {row["rule"] for row in answer["rules"]} == set(RULES)
    assert next(row["clients"] for row in answer["rules"] if row["rule"] == "java") == ["msal4j-iwa"]


def test_both_names_are_shown_where_chance_decides(shapes_lab: ShapesLab) -> None:
    """Behind several CNAMEs gokrb5's line has both targets and what decides; with round robin so has libkrb5's.

    Source: Go 1.26 net/dnsclient_unix.go ``goLookupIPCNAMEOrder``, measured-spn, twoa.
    """
    text = shapes_lab.run("spn", "chain.corp.test", "--rule", "gokrb5")
    said = "HTTP/mid.corp.test (unknown) or HTTP/end.corp.test (unknown): decided by which of the CNAME and A answers"
    assert said in text
    answer = json.loads(shapes_lab.run("spn", "chain.corp.test", "--json"))
    rows = {row["rule"]: row for row in answer["rules"]}
    assert [each["spn"] for each in rows["gokrb5"]["candidates"]] == ["HTTP/mid.corp.test", "HTTP/end.corp.test"]
    assert [len(way) for way in rows["gokrb5"]["outcomes"]] == [1, 1]
    assert {name for name, row in rows.items() if row["chance"]} == {"gokrb5"}
    assert rows["mit-fallback"]["outcomes"] == [rows["mit-fallback"]["candidates"]]
    alias = shapes_lab.run("spn", "alias.corp.test", "--rule", "gokrb5")
    assert "HTTP/real.corp.test (unknown)\n" in alias
    assert "decided by" not in alias
    text = shapes_lab.run("spn", "twoa.corp.test", "--rule", "curl-gssapi")
    assert "HTTP/n10.corp.test (unknown) or HTTP/n11.corp.test (unknown): decided by which address" in text


def test_one_client_one_rule(shapes_lab: ShapesLab) -> None:
    """``--client`` takes a model, ``--rule`` a rule, ``--port`` shows where the port is kept."""
    text = shapes_lab.run("spn", "alias.corp.test", "--client", "office")
    assert "HTTP/real.corp.test" in text
    assert "wininet" in text
    assert "curl" not in text
    text = shapes_lab.run("spn", "alias.corp.test", "--rule", "sqlclient", "--port", "14330")
    assert "MSSQLSvc/real.corp.test:14330" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["x", "--client", "offise"], "did you mean office"),
        (["x", "--rule", "curl-gsapi"], "did you mean curl-gssapi"),
        (["x", "--client", "prt-device"], "requests no service ticket"),
        (["https://x"], "a host name is expected"),
        (["x", "--port", "0"], "port: expected"),
        (["x", "--device", "nowhere"], "there is no device 'nowhere'"),
        (["x", "--name", "absent"], "ssosim up --name absent"),
    ],
)
def test_mistakes_are_answered_in_one_line(shapes_lab: ShapesLab, arguments: list[str], text: str) -> None:
    """Every mistake of a user gives one line that says what to do, and exit code 2."""
    said = shapes_lab.run("spn", *arguments, expect=2)
    assert text in said
    assert len(said.splitlines()) == 1
