"""``ssosim spn`` while DNS or the KDC does not answer, and for hosts that are no names of the DNS."""

import json
import time
from typing import Any

import pytest

from tests.spn.conftest import ShapesLab

AUTOLOGON = "autologon.microsoftazuread-sso.com"


def _rows(lab: ShapesLab, host: str) -> dict[str, dict[str, Any]]:
    return {row["rule"]: row for row in json.loads(lab.run("spn", host, "--json"))["rules"]}


def _timed_rows(lab: ShapesLab) -> tuple[dict[str, dict[str, Any]], float]:
    """Return the rows of the autologon host, and the seconds that the command took."""
    began = time.monotonic()
    rows = _rows(lab, AUTOLOGON)
    return rows, time.monotonic() - began


@pytest.fixture
def fault(shapes_lab: ShapesLab):
    """Return a function that applies a fault with ``ssosim fault apply``; all are undone after the test."""
    yield lambda name, *settings: shapes_lab.run("fault", "apply", name, *settings)
    shapes_lab.run("fault", "undo", "all")


@pytest.mark.parametrize(
    ("name", "settings", "waits"),
    [
        ("drop", [f"names={AUTOLOGON}"], 10),  # 5 s for A, and 5 s for AAAA
        ("delay", [f"names={AUTOLOGON}", "seconds=3"], 6),
        ("delay", [f"names={AUTOLOGON}", "seconds=3", "types=A"], 3),
        ("delay", [f"names={AUTOLOGON}", "seconds=60"], 10),
        ("kdc-silent", [], 15),
    ],
)
def test_an_outage_is_told_and_not_waited_for(shapes_lab, fault, name, settings, waits):
    """Each client that would wait says how long, and what it does then; the answer takes no time of the outage."""
    healthy, reference = min((_timed_rows(shapes_lab) for _ in range(2)), key=lambda each: each[1])
    assert {row["waits_s"] for row in healthy.values()} == {0}
    fault(name, *settings)
    # Who waits needs the whole time of the outage in addition, each time; a busy machine not in each of four.
    for _ in range(4):
        rows, took = _timed_rows(shapes_lab)
        if took < reference + 0.8 * waits:
            break
    assert took < reference + 0.8 * waits
    assert rows["wininet"]["waits_s"] == waits
    assert rows["wininet"]["candidates"][0]["spn"] == f"HTTP/{AUTOLOGON}"
    assert rows["curl-sspi"]["waits_s"] == (waits if name == "kdc-silent" else 0), "it makes no look-up"
    text = shapes_lab.run("spn", AUTOLOGON, "--rule", "wininet")
    assert f"waits {waits} s, then HTTP/{AUTOLOGON} (" in text
    if name == "drop":
        given_up = shapes_lab.run("spn", AUTOLOGON, "--rule", "firefox-windows")
        assert f"waits {waits} s, then Negotiate is given up" in given_up


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "2001:db8::1", "192.0.2.20"])
def test_hosts_that_are_no_names_are_as_libkrb5_has_them(shapes_lab, host):
    """For localhost and addresses the machine's libkrb5 requests what the command says, with and without look-ups."""
    rows = _rows(shapes_lab, host)
    asked = {}
    for rule, line in (("mit-default", ""), ("mit-no-canon", "dns_canonicalize_hostname = false")):
        conf = shapes_lab.home / rule
        conf.write_text(shapes_lab.krb5_conf.replace("[libdefaults]", f"[libdefaults]\n    {line}", 1))
        label = f"{rule}={host}"
        command = ["env", f"KRB5_CONFIG={conf}", "kvno", "-S", "HTTP", host]
        shapes_lab.run("exec", "--as", label, "--", *command, expect=1)
        lines = shapes_lab.run("trace", "--client", label, "--layer", "kerberos", "--json").splitlines()
        asked[rule] = next(each["service"] for each in map(json.loads, lines) if each.get("request") == "TGS")
    assert {rule: rows[rule]["candidates"][0]["spn"] for rule in asked} == asked


def test_no_name_is_looked_up_for_an_address(shapes_lab):
    """An address is its own answer; brackets around IPv6, as in a URL, are taken off."""
    answer = json.loads(shapes_lab.run("spn", "[2001:db8::7]", "--json"))
    assert answer["host"] == "2001:db8::7"
    assert answer["dns"]["addresses"] == ["2001:db8::7"]
    records = map(json.loads, shapes_lab.run("trace", "--client", "spn", "--layer", "dns", "--json").splitlines())
    assert not any(record["name"].startswith("2001:db8") for record in records)
