"""Constrained delegation with Samba's KDC: S4U2Proxy with the right, and its refusals without. Source: MS-SFU."""

from __future__ import annotations

import subprocess
import sys
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
        (SPN, "http/STS.fabrikam.com", ["issued", "issued"]),
        (SPN, CLOUD, ["issued", "KDC_ERR_BADOPTION"]),
        (SPN, "HTTP/none.corp.contoso.com", ["issued", "KDC_ERR_S_PRINCIPAL_UNKNOWN"]),
        (STS, CLOUD, ["issued", "KDC_ERR_BADOPTION"]),
    ],
    ids=["with-the-right", "another-spelling", "another-target", "unknown-target", "no-protocol-transition"],
)
def test_a_service_delegates_with_the_right_only(
    lab: HostedLab, service: str, target: str, outcomes: list[str]
) -> None:
    """S4U2Self is issued; S4U2Proxy is issued to the services named, and by protocol transition if that is allowed."""
    code, said, asked = run(lab, service, *proxy(target))
    assert asked[:1] + asked[-1:] == outcomes, said
    assert (code == 0) is (outcomes[-1] == "issued"), said


EVIDENCE = """
import sys, gssapi
keytab, service, target = sys.argv[1:]
name = gssapi.Name(service, gssapi.NameType.kerberos_principal)
user = gssapi.Credentials(usage="initiate", store={"ccache": "FILE:" + keytab + ".user"})
own = gssapi.Credentials(usage="both", store={"ccache": "FILE:" + keytab + ".own", "keytab": keytab})
client = gssapi.SecurityContext(name=name, creds=user, usage="initiate")
server = gssapi.SecurityContext(creds=own, usage="accept")
server.step(client.step())
wanted = gssapi.Name(target, gssapi.NameType.kerberos_principal)
try:
    gssapi.SecurityContext(name=wanted, creds=server.delegated_creds, usage="initiate").step()
except gssapi.exceptions.GSSError as error:
    sys.exit(str(error))
print("for", server.initiator_name)
"""


@pytest.mark.parametrize(("target", "issued"), [(CLOUD, True), (SPN, False)], ids=["with-the-right", "another-target"])
def test_a_ticket_of_the_user_is_evidence(lab: HostedLab, target: str, issued: bool) -> None:
    """Who signs in to the service with Kerberos needs no protocol transition; the target still needs the right."""
    keytab = str(Path(lab.folder) / "kdc" / build_keytab_name(STS))
    environment = lab.environment("desk-1") | {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    password = next(user.password for user in lab.estate.users if user.sam_account == "alice")
    own = ["kinit", "-f", "-k", "-t", keytab, "-c", f"FILE:{keytab}.own", build_account_name(STS)]
    subprocess.run(own, env=environment, check=True, timeout=60)
    user = ["kinit", "-f", "-c", f"FILE:{keytab}.user", "alice"]
    subprocess.run(user, env=environment, input=password, text=True, check=True, timeout=60)
    before = len(lab.records())
    command = [sys.executable, "-c", EVIDENCE, keytab, STS, target]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    events = [each.event for each in lab.records()[before:]]
    last = [each.outcome for each in events if isinstance(each, KdcExchange)][-1]
    assert (done.returncode == 0, last) == (issued, "issued" if issued else "KDC_ERR_BADOPTION"), done.stderr
    assert done.stdout == ("for alice@CORP.CONTOSO.COM\n" if issued else "")


def test_a_service_without_rights_is_refused() -> None:
    """Without an entry, S4U2Proxy is KDC_ERR_BADOPTION, as with an MIT KDC."""
    with host_lab(estate=with_samba()) as lab:
        code, said, asked = run(lab, SPN, *proxy(STS))
    assert (code, asked[-1:]) == (1, ["KDC_ERR_BADOPTION"]), said
