"""Constrained delegation at the real KDC: S4U2Self works, S4U2Proxy is refused. Source: MS-SFU; krb5 1.20, measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ssosim.kerberos.principals import build_keytab_name
from ssosim.testing.hosted_lab import HostedLab, host_lab
from ssosim.trace import KdcExchange

SPN, OTHER = "HTTP/intranet.corp.contoso.com", "HTTP/sts.fabrikam.com"


def run(lab: HostedLab, environment: dict[str, str], *command: str) -> tuple[int, str]:
    """Run a Kerberos program as the service ``SPN``; its exit code and output."""
    keytab = str(Path(lab.folder) / "kdc" / build_keytab_name(SPN))
    done = subprocess.run(
        [each.replace("KEYTAB", keytab) for each in command],
        env=environment | {"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def service() -> object:
    """Give a lab, and the environment of a program that is signed on as the service ``SPN``."""
    with host_lab() as lab:
        environment = lab.environment("desk-1")
        code, said = run(lab, environment, "kinit", "-f", "-k", "-t", "KEYTAB", SPN)
        assert code == 0, said
        yield lab, environment


@pytest.mark.parametrize(
    ("options", "code", "words", "outcome"),
    [
        (("-U", "alice", SPN), 0, "kvno = 1", "issued"),
        (("-U", "nobody", SPN), 1, "not found in Kerberos database", "KDC_ERR_C_PRINCIPAL_UNKNOWN"),
        (("-U", "alice", OTHER), 1, "must match", None),
        (("-U", "alice", "-k", "KEYTAB", "-P", OTHER), 1, "constrained delegation failed", "KDC_ERR_BADOPTION"),
    ],
    ids=["self", "self-unknown-user", "self-for-another-service", "proxy"],
)
def test_delegation(
    service: tuple[HostedLab, dict[str, str]], options: tuple[str, ...], code: int, words: str, outcome: str | None
) -> None:
    """A service gets a ticket to itself for a user, none for an unknown user, and none to another service."""
    lab, environment = service
    before = len(lab.records())
    done, said = run(lab, environment, "kvno", *options)
    assert (done, words in said) == (code, True), said
    outcomes = [each.event.outcome for each in lab.records()[before:] if isinstance(each.event, KdcExchange)]
    assert outcomes[-1:] == ([] if outcome is None else [outcome])
