"""measured-spn, asked of the machine's own libkrb5: real curl in the private network, a real KDC, real DNS answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.spn import RULES, guess_realm

from ssosim.testing import ClientEnvironment

from .conftest import ShapesLab

REALM, DOMAIN = "CORP.TEST", "corp.test"
AUTOLOGON = "192.0.2.20"

MODES = {
    "mit-default": "",
    "mit-no-rdns": "rdns = false",
    "mit-no-canon": "dns_canonicalize_hostname = false",
    "mit-fallback": "dns_canonicalize_hostname = fallback",
}
"""Our rule, and the line of krb5.conf under which libkrb5 should follow it."""

CLOUD, EVIL = "ec2-1-2-3-4.cloud.test", "ptrext.corp.test.evil.test"

# URL host: what is asked for with true+rdns, rdns=false, false, fallback. Names in corp.test are given without it.
TABLE: dict[str, tuple[str, str, str, str]] = {
    "plain.corp.test": ("plain", "plain", "plain", "plain"),
    "alias.corp.test": ("real", "real", "alias", "alias real"),
    "chain.corp.test": ("end", "end", "chain", "chain end"),
    "ptrdiff.corp.test": ("node7.dc", "ptrdiff", "ptrdiff", "ptrdiff node7.dc"),
    "noptr.corp.test": ("noptr", "noptr", "noptr", "noptr"),
    "ptrcname.corp.test": (CLOUD, "lb.cloud.test", "ptrcname", f"ptrcname {CLOUD}"),
    "twoptr.corp.test": ("zeta", "twoptr", "twoptr", "twoptr zeta"),
    "twoa.corp.test": ("n10", "twoa", "twoa", "twoa n10"),
    "ptrext.corp.test": (EVIL, "ptrext", "ptrext", f"ptrext {EVIL}"),
    "nxdomain.corp.test": ("nxdomain", "nxdomain", "nxdomain", "nxdomain"),
    "dangling.corp.test": ("dangling", "dangling", "dangling", "dangling"),
    "nodata.corp.test": ("nodata", "nodata", "nodata", "nodata"),
    "short": ("short", "short", "short", "short"),
    "PLAIN.corp.test": ("plain", "plain", "plain", "plain"),
    "plain.corp.test.": ("plain", "plain", "plain", "plain"),
    "10.20.1.2": ("real", "10.20.1.2", "10.20.1.2", "10.20.1.2 real"),
}


def _spns(cell: str) -> list[str]:
    """A cell of the table as SPNs."""
    outside = (".test", "10.20.1.2")
    return [f"HTTP/{name if name.endswith(outside) else f'{name}.{DOMAIN}'}" for name in cell.split()]


@pytest.fixture(scope="session")
def asked(shapes_lab: ShapesLab, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    """(rule, URL host) -> the services of curl's TGS-REQs in order, without repeats, from the trace of one lab."""
    folder = tmp_path_factory.mktemp("krb5")
    for rule, line in MODES.items():
        text = shapes_lab.krb5_conf.replace("[libdefaults]", f"[libdefaults]\n    {line}", 1)
        (folder / rule).write_text(text, encoding="utf-8")
        for host in TABLE:
            _curl(shapes_lab, folder / rule, f"{rule}={host}", host)
    found: dict[tuple[str, str], list[str]] = {}
    for text in shapes_lab.run("trace", "--layer", "kerberos", "--json").splitlines():
        record: dict[str, Any] = json.loads(text)
        rule, _, host = record["client"].partition("=")
        if host and record.get("request") == "TGS":
            assert record["outcome"] == "KDC_ERR_S_PRINCIPAL_UNKNOWN", "no shape is registered"
            services = found.setdefault((rule, host), [])
            if record["service"] not in services:
                services.append(record["service"])
    return found


def _curl(lab: ShapesLab, krb5_conf: Path, label: str, host: str) -> None:
    """``--connect-to`` steers the socket alone: libkrb5 asks the system's resolver for the name of the URL."""
    command = ["curl", "--silent", "--insecure", "--negotiate", "--user", ":", "--connect-to", f"::{AUTOLOGON}:443"]
    lab.run("exec", "--as", label, "--", "env", f"KRB5_CONFIG={krb5_conf}", *command, f"https://{host}/")


@pytest.mark.parametrize("rule", MODES)
@pytest.mark.parametrize("host", TABLE)
def test_libkrb5_asks_what_the_table_says(asked: dict[tuple[str, str], list[str]], host: str, rule: str) -> None:
    """Each cell of measured-spn: the machine's libkrb5 asks the KDC for these names, and for a guessed realm's krbtgt.

    The table was measured with MIT krb5 1.20.1. It has a second, later krbtgt only where the name leads out of the
    mapped domain; here that is also the attacker's PTR (ptrext), whose parent domain is a realm to be guessed too.
    """
    expected = []
    for spn in _spns(TABLE[host][list(MODES).index(rule)]):
        guess = guess_realm(spn, REALM, DOMAIN)
        expected += [spn] if guess is None else [spn, guess]
    assert asked[rule, host] == expected


@pytest.mark.parametrize("rule", MODES)
@pytest.mark.parametrize("host", TABLE)
def test_our_rules_say_the_same(host: str, rule: str) -> None:
    """The same cell from our rule, on the same zones in memory; so model and library agree shape by shape."""
    environment = shapes_environment()
    found = environment.play(RULES[rule].form_candidates(host, environment.device().resolver, search_domain=DOMAIN))
    assert found is not None
    assert list(found) == _spns(TABLE[host][list(MODES).index(rule)])


def test_the_command_says_the_same(shapes_lab: ShapesLab) -> None:
    """``ssosim spn`` applies the rules to the lab's own DNS: every cell again, and the KDC knows none of the names."""
    wrong = []
    for host, cells in TABLE.items():
        if host in ("PLAIN.corp.test", "plain.corp.test."):
            continue
        answer = json.loads(shapes_lab.run("spn", host, "--json"))
        rows = {row["rule"]: row["candidates"] for row in answer["rules"]}
        for rule, cell in zip(MODES, cells, strict=True):
            expected = [{"spn": spn, "kdc": "unknown"} for spn in _spns(cell)]
            if rows[rule] != expected:
                wrong.append((host, rule, rows[rule], expected))
    assert not wrong


def shapes_environment() -> ClientEnvironment:
    """The zones of shapes.toml in memory."""
    import tomllib  # noqa: PLC0415

    from .conftest import SHAPES  # noqa: PLC0415

    environment = ClientEnvironment(addresses={})
    for zone in tomllib.loads(SHAPES.read_text(encoding="utf-8"))["zones"]:
        for record in zone["records"]:
            name, values = f"{record['name']}.{zone['name']}", [value.rstrip(".") for value in record["values"]]
            if record["type"] == "A":
                environment.addresses[name] = tuple(values)
            elif record["type"] == "CNAME":
                environment.cnames[name] = values[0]
            elif record["type"] == "PTR":
                address = name.removesuffix(".in-addr.arpa").split(".")
                environment.pointers[".".join(reversed(address))] = values[0]
    environment.cnames["short"] = "short.corp.test"  # what the search list does
    return environment
