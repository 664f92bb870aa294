"""Who may receive which credential: the table of legitimate recipients.

Sources: RFC 6749, sections 2.3.1, 4.1.3 and 6 (client secret, code and refresh token go to the token endpoint, a client
secret never in the URL); RFC 7636, section 4.5 (code verifier); RFC 8628, section 3.4 (device code); RFC 7522, section
2.1 (assertion); RFC 7523, section 2.2 (client assertions and federated tokens, in the body); RFC 6750, section 5.3 (a
bearer token goes to its resource server, over TLS, and not in URLs); RFC 4120, section 1.3 (a ticket is for the service
that it names); the Entra documentation of federated users (their passwords go to the federation service of the domain).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from ssosim.estate import Estate
from ssosim.exposure.credentials import CredentialKind, FoundCredential
from ssosim.services import Service
from ssosim.trace import SignInStep

__all__ = ["Recipient", "Recipients", "explain_exposure"]

Role = Literal["login", "autologon", "federation", "application", "unknown", "foreign"]

_LOGIN = frozenset(
    {
        CredentialKind.CLIENT_SECRET,
        CredentialKind.ASSERTION,
        CredentialKind.CLIENT_ASSERTION,
        CredentialKind.FEDERATED_TOKEN,
        CredentialKind.REFRESH_TOKEN,
        CredentialKind.ACCESS_TOKEN,  # the on-behalf-of flow
        CredentialKind.AUTHORIZATION_CODE,
        CredentialKind.CODE_VERIFIER,
        CredentialKind.DEVICE_CODE,
    }
)


_NEVER_IN_URLS = frozenset(
    {
        CredentialKind.PASSWORD,
        CredentialKind.CLIENT_SECRET,
        CredentialKind.CLIENT_ASSERTION,
        CredentialKind.FEDERATED_TOKEN,
        CredentialKind.REFRESH_TOKEN,
        CredentialKind.ACCESS_TOKEN,
    }
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who received a request.

    ``role`` is what the host is; ``unknown`` if no service has that name, ``foreign`` for a host outside of the
    estate. ``spns`` are the service principal names in its key table, in lower case. ``domains`` are the domains whose
    users a federation service signs in. ``audiences`` are those of the access tokens that it takes; without any, a
    token must name the host itself. ``in_place``: something else answered in the place of the service.
    """

    host: str
    role: Role
    step: SignInStep = SignInStep.OTHER
    scheme: Literal["https", "http"] = "https"
    spns: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    in_place: bool = False


def explain_exposure(  # noqa: PLR0911 - one for each reason
    found: FoundCredential, to: Recipient, address: str = "", part: str = "body"
) -> str:
    """Return why ``to`` must not receive the credential in ``part`` of a request; empty if it may."""
    if to.role == "foreign":
        return f"the host at {address or 'that address'} is none of the estate's"
    if to.role == "unknown":
        return "this host is none of the services"
    if to.in_place:
        return "something else answered in the service's place"
    if found.kind is CredentialKind.PRIVATE_KEY:
        return "a private key is never sent"
    if found.kind is CredentialKind.TICKET:
        if not to.spns:
            return "this service takes no Kerberos tickets"
        return "" if found.owner.lower() in to.spns else f"the ticket is for {found.owner or 'another service'}"
    if to.scheme == "http":
        return "it was sent in clear text (http)"
    why = _explain_business(found, to)
    if not why and part in ("path", "query") and found.kind in _NEVER_IN_URLS:
        return "it is in the URL, which browsers, proxies and logs keep"
    return why


def _explain_business(found: FoundCredential, to: Recipient) -> str:
    kind = found.kind
    if kind is CredentialKind.PASSWORD:
        return _explain_password(found, to)
    if to.role == "login" and kind in _LOGIN:
        return ""
    if to.role == "application" and kind is CredentialKind.ACCESS_TOKEN:
        if to.audiences:
            return "" if found.audience in to.audiences else f"the token is for {found.audience}"
        return "" if _name_host(found.audience) in (None, to.host) else f"the token is for {found.audience}"
    if to.role == "application" and kind is CredentialKind.AUTHORIZATION_CODE and to.host in found.redirect_hosts:
        return ""
    return f"this host has no business with {kind.with_article}"


def _name_host(audience: str) -> str | None:
    """Return the host of an audience that is a URL, empty if it has none; None for an audience of another kind."""
    if not audience.startswith(("https://", "http://")):
        return None
    try:
        return urlsplit(audience).hostname or ""
    except ValueError:  # not a URL after all, so it names no host that takes it
        return ""


def _explain_password(found: FoundCredential, to: Recipient) -> str:
    domain = found.owner.rpartition("@")[2].lower()
    if to.role == "federation":
        return "" if domain in to.domains else "the user's domain is not one of this federation service"
    if to.role == "login":
        return "the user's password belongs to a federation service" if found.federated else ""
    if to.role == "autologon" and not found.federated and to.step is SignInStep.WSTRUST_PASSWORD:
        return ""
    return "nothing at this address takes a password"


@dataclass(slots=True)
class Recipients:
    """The recipients of an estate, by host name. ``services`` are all services at its hosts."""

    estate: Estate
    services: Iterable[Service]
    _by_host: Mapping[str, Recipient] = field(init=False)

    def __post_init__(self) -> None:
        """Build the table."""
        found: dict[str, Recipient] = {}
        identity = {host.lower(): role for host, role in self.estate.list_identity_hosts()}
        domains = _federated_domains(self.estate)
        for service in self.services:
            spns = frozenset(spn.lower() for spn in service.keys.spns) if service.keys else frozenset()
            for name in service.dns_names:
                role = identity.get(name, "application")
                known = found.get(name)
                found[name] = Recipient(
                    name,
                    role,  # type: ignore[arg-type]
                    spns=spns | (known.spns if known else frozenset()),
                    domains=domains.get(name, frozenset()),
                    audiences=service.audiences | (known.audiences if known else frozenset()),
                )
        self._by_host = found

    def find(self, host: str) -> Recipient:
        """Return the recipient called ``host``; one with the role ``unknown`` if the estate has none."""
        return self._by_host.get(host) or Recipient(host, "unknown")


def _federated_domains(estate: Estate) -> dict[str, frozenset[str]]:
    hosts = {service.name: service.host.lower() for service in estate.federation_services}
    found: dict[str, set[str]] = {}
    for tenant in estate.tenants:
        for domain in tenant.domains:
            if domain.kind == "federated" and domain.federation in hosts:
                found.setdefault(hosts[domain.federation], set()).add(domain.name.lower())
    return {host: frozenset(names) for host, names in found.items()}
