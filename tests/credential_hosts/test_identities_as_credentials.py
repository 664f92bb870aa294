"""A managed identity as the credential of an application: its token for the exchange, from IMDS to the token endpoint.

Sources: Entra document "Configure an application to trust a managed identity"; arsenvlad/entra-cross-tenant-app-fic-
managed-identity (700226, 700236); affandar/PilotSwarm, OBO-FIC-LIMITATIONS (700231).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace
from multidict import CIMultiDict

from ssosim.entra import Call
from ssosim.entra.core.keys import issuer_key_name
from ssosim.entra.http.exchange import serve
from ssosim.estate import Application, FederatedCredential, ServicePrincipal, Tenant
from ssosim.memory import Engine, MemoryLab
from ssosim.services.openid_issuer import sign_federated_token
from ssosim.trace import ClientAuthenticated

from .conftest import Program, Result, claims_of
from .estates import BILLING, CART, CLUSTER, ORDERS, TRUSTING, make_estate

EXCHANGE = "api://AzureADTokenExchange"
EXCHANGE_ID = "fb60f99c-7a34-4190-8149-302f77469936"
HERE, ELSEWHERE, PLAIN = (f"3c9d7e51-6a0b-4b0e-9c55-2f8b1d7e4b0{number}" for number in (1, 2, 3))
NOW = 1_790_000_000.0


def make_lab() -> MemoryLab:
    """A lab whose applications trust the identities of the machine: one of the same tenant, one of another."""
    estate = make_estate()
    home, *_ = estate.tenants
    other = replace(
        home, id="8d7a41f3-52b9-4c0e-8a57-6f1f4f0b7c22", initial_domain="litware.onmicrosoft.com", domains=()
    )
    machine = estate.system_assigned_identity(next(each for each in estate.devices if each.name == "vm"))
    assert machine is not None
    trusted = tuple(
        FederatedCredential(name=name, issuer=f"https://login.microsoftonline.com/{home.id}/v2.0", subject=subject)
        for name, subject in (
            ("orders", ORDERS.effective_object_id),
            ("machine", machine.effective_object_id),
            ("plain", "11111111-0000-4000-8000-00000000000a"),
        )
    )
    plain = Application(
        client_id=PLAIN,
        name="Plain",
        client_secret="plain-secret",
        service_principals=(ServicePrincipal(tenant=home.id, object_id="11111111-0000-4000-8000-00000000000a"),),
    )
    applications = (
        *estate.applications,
        Application(client_id=HERE, name="Here", federated_credentials=trusted),
        Application(client_id=ELSEWHERE, name="Elsewhere", tenant=other.id, federated_credentials=trusted),
        plain,
    )
    identities = (replace(BILLING, federated_credentials=trusted), ORDERS)
    changed = replace(
        estate, tenants=(*estate.tenants, other), applications=applications, managed_identities=identities
    )
    return MemoryLab(Engine(NOW), changed)


@pytest.fixture
def lab() -> MemoryLab:
    """The lab of ``make_lab``."""
    return make_lab()


def exchange(
    lab: MemoryLab, assertion: str = "", *, client: str = HERE, tenant: Tenant | None = None, **more: str
) -> dict[str, Any]:
    """Send a request with client credentials; the body of the answer."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "scope": "https://management.azure.com/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    } | more
    call = Call.read(
        "POST",
        "login.microsoftonline.com",
        f"/{(tenant or lab.estate.tenants[0]).id}/oauth2/v2.0/token",
        body=urlencode({name: value for name, value in form.items() if value}).encode(),
        headers=CIMultiDict({"Content-Type": "application/x-www-form-urlencoded"}),
        now=lab.engine.now,
    )
    body: dict[str, Any] = json.loads(serve(lab.provider, call, "client").body)
    return body


def take_token(lab: MemoryLab, **fields: str) -> str:
    """The token of a machine's identity for the exchange."""
    answer = Program(lab, "vm").imds(resource=EXCHANGE, **fields)
    assert claims_of(answer)["aud"] == EXCHANGE_ID
    token: str = json.loads(answer.body)["access_token"]
    return token


def test_the_identity_of_a_machine_authenticates_an_application(lab: MemoryLab) -> None:
    """IMDS gives a token for the exchange, whose subject is the object id; with it the application gets its own."""
    token = take_token(lab, client_id=ORDERS.effective_client_id)
    body = exchange(lab, token)
    assert "access_token" in body, body
    (proof,) = [each.event for each in lab.trace if isinstance(each.event, ClientAuthenticated)]
    assert (proof.method, proof.credential, proof.subject) == (
        "federated_credential", "orders", ORDERS.effective_object_id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("client", "fields", "code"),
    [
        (HERE, {}, 700222),  # the system-assigned identity
        (ELSEWHERE, {"client_id": ORDERS.effective_client_id}, 700236),
        (BILLING.effective_client_id, {"client_id": ORDERS.effective_client_id}, 700222),
    ],
)
def test_other_exchanges_of_an_identity_are_refused(
    lab: MemoryLab, client: str, fields: dict[str, str], code: int
) -> None:
    """A system-assigned identity, an application of another tenant, and another managed identity get no token."""
    tenant = lab.estate.tenants[-1] if client == ELSEWHERE else None
    assert exchange(lab, take_token(lab, **fields), client=client, tenant=tenant)["error_codes"] == [code]


def test_an_application_is_no_credential_of_another_one(lab: MemoryLab) -> None:
    """700226 for a token that an application got with its secret, though a credential names its subject."""
    own = exchange(
        lab, client=PLAIN, scope=f"{EXCHANGE}/.default", client_secret="plain-secret", client_assertion_type=""
    )
    assert exchange(lab, own["access_token"])["error_codes"] == [700226]


def test_a_token_that_was_exchanged_is_not_exchanged_again(lab: MemoryLab) -> None:
    """700231 for a pod's identity: its token for the exchange rests on the token of the cluster."""
    issuer = next(each for each in lab.estate.openid_issuers if each.issuer == CLUSTER)
    key = lab.provider.keys.generated[issuer_key_name(CLUSTER)]
    projected = sign_federated_token(key, issuer, subject=CART, audience=EXCHANGE, now=NOW, claims={})
    own = exchange(lab, projected, client=ORDERS.effective_client_id, scope=f"{EXCHANGE}/.default")
    assert exchange(lab, own["access_token"])["error_codes"] == [700231]
    direct = exchange(lab, projected, client=ORDERS.effective_client_id)
    assert "access_token" in direct, direct


PROGRAM = f"""
import base64, json, sys
from azure.identity import ClientAssertionCredential, ManagedIdentityCredential
identity = ManagedIdentityCredential(client_id=sys.argv[1] or None)
assertion = lambda: identity.get_token("{EXCHANGE}/.default").token
credential = ClientAssertionCredential("contoso.onmicrosoft.com", "{TRUSTING}", assertion)
try:
    token = credential.get_token("https://management.azure.com/.default").token
    part = token.split(".")[1]
    print(json.dumps({{"claims": json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))}}))
except Exception as error:
    print(json.dumps({{"error": type(error).__name__, "text": " ".join(str(error).split())}}))
"""


@pytest.mark.parametrize(("identity", "text"), [(ORDERS.effective_client_id, ""), ("", "AADSTS700213")])
def test_a_program_signs_in_with_the_identity_of_its_machine(
    play_command: Callable[..., Result], identity: str, text: str
) -> None:
    """azure-identity, unmodified, as Entra's document has it; the machine's own identity is not the trusted one."""
    result = play_command("python", [sys.executable, "-c", PROGRAM, identity], "vm")
    if text:
        assert text in result["text"], result
    else:
        assert result["claims"]["appid"] == TRUSTING, result
