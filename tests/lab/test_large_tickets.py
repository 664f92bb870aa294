"""Tickets of a user with much authorization data, as with many groups: transport, refusal and both labs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ssosim.estate import Estate, parse_estate
from ssosim.kerberos.der import read_children, read_single
from ssosim.kerberos.enlarge_ticket import build_padding
from ssosim.testing.hosted_lab import host_lab
from ssosim.trace import HttpExchange, KdcExchange
from tests.memory.calls import Step, in_memory, over_sockets
from tests.memory.test_key_faults import SPN, present
from tests.realm_estates import TEXT


def with_size(octets: int) -> Estate:
    """The default estate, in which alice has so many octets of authorization data."""
    line = 'sam_account = "alice"\n'
    return parse_estate(TEXT.replace(line, f"{line}authorization_data_size = {octets}\n", 1), "large.toml")


@pytest.mark.parametrize(
    ("octets", "status", "code"), [(0, "200", None), (30_000, "200", None), (40_000, "403", 81001)]
)
def test_a_large_ticket(prepared: Path, octets: int, status: str, code: int | None) -> None:
    """Seamless SSO troubleshooting: a header of more than 50 KB is refused with AADSTS81001, a smaller one is not."""
    steps: list[Step] = [present()]
    there = in_memory(steps, with_size(octets), [])
    (outcome, _, records) = there[0]
    assert outcome.startswith(status)
    [exchange] = [event for kind, event in records if kind == "HttpExchange"]
    assert exchange["code"] == code
    assert over_sockets(steps, with_size(octets), [], prepared) == there


def test_a_program_has_the_large_ticket() -> None:
    """Kvno gets a service ticket with the data of the ticket-granting ticket, over TCP."""
    with host_lab(with_size(40_000)) as lab:
        environment = lab.environment("desk-1") | {"PATH": "/usr/bin:/bin"}
        done = subprocess.run(["kvno", SPN], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert Path(environment["KRB5CCNAME"].removeprefix("FILE:")).stat().st_size > 80_000
        exchanges = [record.event for record in lab.records() if isinstance(record.event, KdcExchange)]
        assert [each.transport for each in exchanges if each.service == SPN] == ["tcp"]
        assert not [record for record in lab.records() if isinstance(record.event, HttpExchange)]


def test_the_padding_is_authorization_data() -> None:
    """RFC 4120, 5.2.6: a sequence of elements, each with a type and octets."""
    [element] = read_children(read_single(build_padding(1000)).value)
    assert len(element.value) > 1000


def test_a_program_outside_the_network_has_no_ticket() -> None:
    """TMS9-007: neither a ticket in its cache nor a KDC that answers."""
    with host_lab() as lab:
        environment = lab.environment("laptop-1") | {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        listed = subprocess.run(["klist", "-s"], env=environment, check=False)
        password = "Alice-lab-password-1\n"
        signed_on = subprocess.run(
            ["kinit", "alice"], env=environment, input=password, capture_output=True, text=True, check=False
        )
        assert listed.returncode == 1
        assert "Cannot contact any KDC" in signed_on.stderr
