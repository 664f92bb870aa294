"""Requests that reach another cloud than the one that can answer them: the public cloud and the national clouds.

Sources: ms-rest-nodeauth issue 110, certify issue 553 (a secret: 900382); azure-powershell issue 22647 and
azure-sdk-for-net issue 28170 (a tenant of China at the public cloud: 90002); live tests of the public library
azure_auth, September 2026 (an assertion: 700023); tieto/sipe issue 182, msgraph-cli issue 396 (users: 90038); MSAL.js
document on instance awareness, MSAL.NET tests (``cloud_instance_host_name``); MSAL for Android issue 1454 (900384).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from ssosim.entra.core.browser_cookie import format_browser_cookie
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.openid_discovery import build_openid_configuration
from ssosim.entra.core.pages import NO_STORE
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.authorization_codes import SignInFlow, is_code
from ssosim.entra.oauth.client_assertion import read_assertion
from ssosim.entra.oauth.client_authentication import read_client_credential
from ssosim.entra.oauth.federated_credentials import is_federated
from ssosim.estate.first_party import cloud_name_of

__all__ = [
    "describe_cloud",
    "find_cloud_of_login",
    "redirect_to_cloud",
    "refuse_code_of_other_cloud",
    "refuse_confidential_client",
]


def refuse_confidential_client(
    provider: Provider, tenant: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> None:
    """Refuse a client with a credential at ``tenant``, if that tenant is in another cloud.

    Raises AadstsError: 700023 for an assertion that the application has signed itself; for a secret and for a federated
    token 900382 at the public cloud for a tenant of US Government, 90002 there for one of China, and 90038 elsewhere
    (a public note on a client of US Government at a tenant of the public cloud; other pairs are unconfirmed).
    """
    other = provider.find_other_cloud(tenant)
    if other is None:
        return
    _, credential = read_client_credential(form, headers)
    if not credential.presented:
        return
    if credential.assertion and not is_federated(read_assertion(credential.assertion)):
        raise AadstsError(700023)
    here = cloud_name_of(provider.estate.cloud.cloud_instance_name)
    there = cloud_name_of(provider.cloud_of_tenant(other).estate.cloud.cloud_instance_name)
    if here == "public" and there == "usgov":
        raise AadstsError(900382)
    if here == "public" and there == "china":
        raise AadstsError(90002, tenant=tenant[:253])


def find_cloud_of_login(provider: Provider, flow: SignInFlow, login: str) -> Provider | None:
    """Return the provider of the other cloud that has the domain of ``login``; None if no other cloud has it.

    Only a sign-in for no tenant in particular leads to another cloud (MSAL.NET document on instance awareness).
    """
    if flow.authority not in ("common", "organizations"):
        return None
    home = provider.cloud_of_login(login if "@" in login else f"@{login}")
    return None if home is provider else home


def redirect_to_cloud(other: Provider, flow: SignInFlow, login: str) -> HttpReply:
    """Redirect the browser to the sign-in page of ``other``, where ``login`` has its account.

    Raises AadstsError 900383 if the application does not exist there: those of anybody but Microsoft are registered in
    one cloud. A sign-in with a device code stays in its cloud (unconfirmed).
    """
    if flow.user_code or other.directory.find_application(flow.client_id) is None:
        raise AadstsError(900383)
    version = "" if flow.version == "1.0" else "/v2.0"
    fields = {
        "client_id": flow.client_id,
        "response_type": "code",
        "redirect_uri": flow.redirect_uri,
        "response_mode": flow.response_mode,
        "scope": " ".join(flow.scopes),
        "resource": flow.resource if flow.version == "1.0" else "",
        "state": flow.state or "",
        "nonce": flow.nonce,
        "max_age": "" if flow.max_age is None else str(flow.max_age),
        "code_challenge": flow.challenge,
        "code_challenge_method": flow.challenge_method,
        "client_info": "1" if flow.client_info else "",
        "login_hint": login if "@" in login else "",
        "instance_aware": "true" if flow.instance_aware else "",
    }
    query = urlencode({name: value for name, value in fields.items() if value})
    host = other.estate.cloud.login_hosts[0]
    location = f"https://{host}/{flow.authority}/oauth2{version}/authorize?{query}"
    return HttpReply(
        302, headers=(("Location", location), ("Set-Cookie", format_browser_cookie(flow.browser)), *NO_STORE)
    )


def refuse_code_of_other_cloud(provider: Provider, code: str) -> None:
    """Raise AadstsError 900384 if another cloud of the estate has issued the authorization code."""
    for other in provider.list_clouds():
        if other is not provider and is_code(other, code):
            raise AadstsError(900384, cloud=other.estate.cloud.cloud_instance_name)


def describe_cloud(provider: Provider, call: Call) -> dict[str, str]:
    """Return the fields with which an authorization response names its cloud, for ``instance_aware=true``."""
    cloud = provider.estate.cloud
    document = build_openid_configuration(cloud, call.host, "common", "2.0")
    return {
        "cloud_instance_name": cloud.cloud_instance_name,
        "cloud_instance_host_name": cloud.login_hosts[0],
        "cloud_graph_host_name": document["cloud_graph_host_name"],
        "msgraph_host": document["msgraph_host"],
    }
