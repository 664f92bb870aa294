"""The authentication of a client: secrets, assertions signed with a certificate, federated tokens.

``authenticate_client`` is called for every token request and device code request with a credential. Whether a request
needs one is not decided here. Sources: RFC 6749, section 2.3; RFC 7521, section 4.2; Entra certificate-credentials and
workload identity federation documents.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import unquote_plus

from ssosim.entra.core.directory import Authority
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, list_fields
from ssosim.entra.core.openid_discovery import TokenVersion, issuer_of
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.client_assertion import read_assertion, verify_client_assertion
from ssosim.entra.oauth.client_context import ClientAuthentication, ClientContext
from ssosim.entra.oauth.federated_credentials import is_federated, verify_federated_token
from ssosim.entra.oauth.own_federated_tokens import ExchangingApplication, OwnIssuer
from ssosim.entra.oauth.requested_access import require_parameter
from ssosim.estate import Application, ClientSecret, Cloud, Tenant
from ssosim.estate.first_party import cloud_name_of
from ssosim.trace import ClientAuthenticated

__all__ = [
    "JWT_BEARER",
    "ClientCredential",
    "authenticate_client",
    "authenticate_presented",
    "build_context",
    "read_client_credential",
]

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The ``client_assertion_type`` of RFC 7523."""


@dataclass(frozen=True, slots=True)
class ClientCredential:
    """The credential that a request contains, unchecked: a secret or an assertion, or neither."""

    secret: str = field(default="", repr=False)
    assertion: str = field(default="", repr=False)
    assertion_type: str = ""

    @property
    def presented(self) -> bool:
        """Whether the request contains a credential, or the type of one."""
        return bool(self.secret or self.assertion or self.assertion_type)


_NO_CREDENTIAL = ClientCredential()


def read_client_credential(form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, ClientCredential]:
    """Read client id and credential, from the form or from HTTP Basic (RFC 6749, section 2.3.1).

    White space around a value belongs to it: a client id or an assertion from a file with a line end at its end is
    another one (unconfirmed, so the stricter way). Raises AadstsError 900144 (no client id), and 9002313 for a
    malformed header and for more than one way to authenticate (RFC 6749, section 2.3; the code of the real service is
    unconfirmed).
    """
    authorization = headers.get("Authorization")
    if len(list_fields(headers, "Authorization")) > 1:
        raise AadstsError(9002313, reason="There is more than one Authorization header.")
    if authorization is None and "client_assertion" not in form and "client_assertion_type" not in form:
        client_id, given = require_parameter(form, "client_id"), form.get("client_secret", "")
        return client_id, ClientCredential(given) if given else _NO_CREDENTIAL
    scheme, _, value = (authorization or "").partition(" ")
    basic = scheme.lower() == "basic"
    assertion, assertion_type = _read_value(form, "client_assertion"), _read_value(form, "client_assertion_type")
    if basic + bool(form.get("client_secret")) + bool(assertion or assertion_type) > 1:
        raise AadstsError(9002313, reason="The client authenticates in more than one way.")
    if basic:
        try:
            name, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise AadstsError(9002313, reason="The Authorization header is malformed.") from None
        client_id = unquote_plus(name)
        if form.get("client_id", client_id).lower() != client_id.lower():
            raise AadstsError(9002313, reason="The client_id is not that of the Authorization header.")
        return client_id, ClientCredential(unquote_plus(secret))
    client_id = require_parameter(form, "client_id")
    return client_id, ClientCredential(form.get("client_secret", ""), assertion, assertion_type)


def _read_value(form: Mapping[str, str], name: str) -> str:
    """Return a parameter as it was sent; a blank one is none (RFC 6749, section 3.1)."""
    value = form.get(name, "")
    return value if value.strip() else ""


def authenticate_presented(
    provider: Provider, call: Call, application: Application, credential: ClientCredential, authority: Authority
) -> ClientAuthentication:
    """Authenticate the client of ``call`` with what it presents, and record it in the trace. Raises AadstsError."""
    if credential.assertion or credential.assertion_type:
        found = authenticate_client(application, credential, build_context(provider, call, authority))
    else:  # a secret needs no context
        found = _verify_secret(application, credential.secret, call.now)
    call.trace_buffer.note_not_checked(*found.not_checked)
    call.trace_buffer.events.append(
        ClientAuthenticated(
            client_id=application.client_id,
            method=found.method,
            credential=found.credential,
            issuer=found.issuer,
            subject=found.subject,
            not_checked=found.not_checked,
        )
    )
    return found


def authenticate_client(
    application: Application, credential: ClientCredential, context: ClientContext
) -> ClientAuthentication:
    """Verify that ``credential`` is one of ``application``; a pure function but for the ports of ``context``.

    Raises AadstsError: 7000215 and 7000222 (secrets), 900144 (an assertion without its type, or the reverse), 90011
    (another type); see ``read_assertion``, ``verify_client_assertion`` and ``verify_federated_token``.
    """
    if credential.assertion or credential.assertion_type:
        if not credential.assertion or not credential.assertion_type:
            missing = "client_assertion_type" if credential.assertion else "client_assertion"
            raise AadstsError(900144, name=missing)
        if credential.assertion_type != JWT_BEARER:
            raise AadstsError(90011)
        token = read_assertion(credential.assertion)
        if is_federated(token):
            return verify_federated_token(application, token, context)
        return verify_client_assertion(application, token, context)
    return _verify_secret(application, credential.secret, context.now)


def _verify_secret(application: Application, given: str, now: float) -> ClientAuthentication:
    """Compare with every secret, whatever matches, so that the time tells nothing about them."""
    matching = [each for each in _secrets(application) if hmac.compare_digest(each.value.encode(), given.encode())]
    for each in matching:
        started = each.start_date_time is None or each.start_date_time.timestamp() <= now
        if started and (each.end_date_time is None or now < each.end_date_time.timestamp()):
            return ClientAuthentication(method="client_secret", credential=each.key_id or each.display_name)
    if any(each.end_date_time is not None and each.end_date_time.timestamp() <= now for each in matching):
        raise AadstsError(7000222, client=application.client_id)
    raise AadstsError(7000215, client=application.client_id)


def _secrets(application: Application) -> Iterator[ClientSecret]:
    if application.client_secret:
        yield ClientSecret(value=application.client_secret)
    yield from application.secrets


def build_context(provider: Provider, call: Call, authority: Authority) -> ClientContext:
    """Build the context of the authentication of the client of ``call``."""
    cloud = provider.estate.cloud
    rules = cloud.client_assertions
    return ClientContext(
        keys=provider.keys,
        rules=rules,
        now=call.now,
        client_now=provider.client_time(call),
        audiences=lambda: frozenset(_list_audiences(cloud, call, authority)),
        more_audiences=lambda: frozenset(
            each.replace("{host}", host).replace("{tenant}", name).lower()
            for each in rules.audiences
            for host in cloud.login_hosts
            for name in _list_names(authority)
        ),
        own_issuers=lambda: dict(_list_own_issuers(provider)),
        describe=partial(_describe, provider),
        fetch=partial(_fetch, provider, call),
        record_use=lambda name, expires: provider.replay_cache.record_use(f"assertion {name}", expires, call.now),
    )


def _fetch(provider: Provider, call: Call, url: str) -> bytes:
    return provider.fetch_document(url, call)


def _list_names(authority: Authority) -> tuple[str, ...]:
    """Return the names by which an address may name ``authority``."""
    if not isinstance(authority, Tenant):
        return (authority,)
    return (authority.id, authority.initial_domain, *(domain.name for domain in authority.domains))


def _list_audiences(cloud: Cloud, call: Call, authority: Authority) -> Iterator[str]:
    """Yield, in lower case, the address of the endpoint that was called at each host and name, and the issuer.

    Source: Entra certificate-credentials document. Of the issuers of tokens only that of version 2.0 is documented.
    Hosts of other clouds are refused (MSAL.NET issue 2746).
    """
    endpoint = "/".join(("oauth2", *call.path[2:])).lower()
    if endpoint.endswith("devicecode"):
        endpoint = f"{endpoint.removesuffix('devicecode')}token"
    for host in cloud.login_hosts:
        for name in _list_names(authority):
            yield f"https://{host}/{name}/{endpoint}".lower()
        if isinstance(authority, Tenant):
            yield f"https://{host}/{authority.id}/v2.0".lower()


def _list_own_issuers(provider: Provider) -> Iterator[tuple[str, OwnIssuer]]:
    versions: tuple[TokenVersion, ...] = ("1.0", "2.0")
    for each in provider.list_clouds():
        cloud = each.estate.cloud
        name, is_here = cloud_name_of(cloud.cloud_instance_name), cloud == provider.estate.cloud
        for tenant in each.estate.tenants:
            for version in versions:
                yield issuer_of(cloud, tenant.id, version).lower(), OwnIssuer(tenant.id, version, name, is_here)


def _describe(provider: Provider, application: Application) -> ExchangingApplication:
    identities = {each.effective_client_id.lower() for each in provider.estate.managed_identities}
    return ExchangingApplication(
        provider.directory.find_home_id(application) or "", application.client_id.lower() in identities
    )
