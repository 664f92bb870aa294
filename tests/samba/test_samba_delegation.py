"""Constrained delegation with Samba's KDC: S4U2Proxy with the right, and its refusals without. Source: MS-SFU."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssosim.estate import Delegation
from ssosim.kerberos.principals import build_keytab_name
from ssosim.kerberos.samba_realm import build_account_name
from ssosim.testing.hosted_lab import HostedLab, host_lab
from ssosim.trace import KdcExchange

from .domains import needs_samba, with_samba

pytestmark = needs_samba

SPN, STS, CLOUD = "HTTP/intranet.corp.contoso.com", "HTTP/sts.fabrikam.com", "HTTP/autologon.microsoftazuread-sso.com"
ALICE = "alice@corp.contoso.com"


def run(lab: HostedLab, service: str, *command: str) -> tuple[int, str, list[str]]:
    """Run ``command`` after a sign-on as the account of ``service``: exit code, output, outcomes of ticket requests."""
    keytab = str(Path(lab.folder) / "kdc" / build_keytab_name(service))
    environment = lab.environment("desk-1") | {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    before = len(lab.records())
    for each in (("kinit", "-f", "-k", "-t", keytab, build_account_name(service)), command):
        words = [word.replace("KEYTAB", keytab) for word in each]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    events = [each.event for each in lab.records()[before:]]
    asked = [each.outcome for each in events if isinstance(each, KdcExchange) and each.request == "TGS"]
    return done.returncode, done.stdout + done.stderr, asked


@pytest.fixture(scope="module")
def lab() -> Iterator[HostedLab]:
    """Give a lab in which one service may delegate for everybody, and the other for users of Kerberos only."""
    rights = (
        Delegation(service=SPN, allowed_to_delegate_to=(STS,), trusted_to_auth_for_delegation=True),
        Delegation(service=STS, allowed_to_delegate_to=(CLOUD,)),
    )
    with host_lab(estate=with_samba(delegations=rights)) as lab:
        yield lab


def proxy(target: str) -> tuple[str, ...]:
    """The command that asks for a ticket to ``target`` for Alice, with a ticket that the service made for her."""
    return ("kvno", "-U", ALICE, "-k", "KEYTAB", "-P", target)


@pytest.mark.parametrize(
    ("service", "target", "outcomes"),
    [
        (SPN, STS, ["issued", "issued"]),
        (SPN, CLOUD, ["issued", "KDC_ERR_BADOPTION"]),
        (SPN, "HTTP/none.corp.contoso.com", ["issued", "KDC_ERR_S_PRINCIPAL_UNKNOWN"]),
        (STS, CLOUD, ["issued", "KDC_ERR_BADOPTION"]),
    ],
    ids=["with-the-right", "another-target", "unknown-target", "no-protocol-transition"],
)
def test_a_service_delegates_with_the_right_only(
    lab: HostedLab, service: str, target: str, outcomes: list[str]
) -> None:
    """S4U2Self is issued; S4U2Proxy is issued to the services named, and by protocol transition if that is allowed."""
    code, said, asked = run(lab, service, *proxy(target))
    assert asked[:1] + asked[-1:] == outcomes, said
    assert (code == 0) is (outcomes[-1] == "issued"), said


def test_a_service_without_rights_is_refused() -> None:
    """Without an entry, S4U2Proxy is KDC_ERR_BADOPTION, as with an MIT KDC."""
    with host_lab(estate=with_samba()) as lab:
        code, said, asked = run(lab, SPN, *proxy(STS))
    assert (code, asked[-1:]) == (1, ["KDC_ERR_BADOPTION"]), said
