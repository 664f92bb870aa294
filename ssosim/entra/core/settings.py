"""Settings for behaviour of the real service that no public text confirms. Confirmed behaviour has no setting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct, field

from ssosim.entra.core.ticket_acceptor import RefusalReason

__all__ = ["GRANTS_REFUSED_OVER_COMMON", "HEADER_LIMIT", "SOAP_LIMIT", "ClientRule", "Settings"]

HEADER_LIMIT = 50 * 1024
SOAP_LIMIT = 256 * 1024
GRANTS_REFUSED_OVER_COMMON = frozenset({"password"})


class ClientRule(Struct, frozen=True):
    """Which realm requests see the desktop-SSO answer (``Federated``).

    One of ``headers`` is enough (source: ADAL.NET pull requests 1640 and 1646, MSAL.NET issues 820 and 1860).
    Whether the values matter is unconfirmed; one report (MSAL Java issue 646) says SKU ``java`` with version
    ``1.1.1`` got ``Managed``.
    ``managed`` lists such (SKU, version) pairs in lower case, ``"*"`` for any version.
    """

    headers: tuple[str, ...] = ("x-client-Ver", "x-client-SKU", "x-client-OS")
    managed: frozenset[tuple[str, str]] = frozenset()

    def offers_desktop_sso(self, headers: Mapping[str, str]) -> bool:
        """Whether a client that sends these ``headers`` (case-insensitive look-up) is sent to desktop SSO."""
        if not any(name in headers for name in self.headers):
            return False
        if not self.managed:
            return True
        sku = headers.get("x-client-SKU", "").lower()
        version = headers.get("x-client-Ver", "").lower()
        return (sku, version) not in self.managed and (sku, "*") not in self.managed


# The documents name the codes but not which fault gives which of 81002, 81003, 81008 and 81009: unconfirmed.
TICKET_CODES: Mapping[RefusalReason, int] = MappingProxyType(
    {
        "malformed": 81009,
        "ntlm": 81005,
        "unknown-mechanism": 81005,
        "wrong-service": 81002,
        "wrong-key": 81008,
        "expired": 81010,
        "not-yet-valid": 81010,
        "skew": 81010,
        "replayed": 81003,
        "bad-bindings": 81004,
        "other": 81004,
    }
)


class Settings(Struct, frozen=True, kw_only=True):
    """Sizes are in bytes.

    ``ticket_codes``: AADSTS code for each kind of refused ticket (the choice is unconfirmed).
    ``refused_ticket_status``: 403 was seen for a refused ticket at windowstransport; its body is unconfirmed.
    ``fault_status``: 400 was seen on the login host's SOAP STS, assumed at the autologon host.
    ``header_limit``: 50 KB, from the Seamless SSO troubleshooting page (AADSTS81001).
    ``refuse_replay``: whether an assertion is good for one token only (the real service: unconfirmed).
    ``replay_capacity``: how many used assertions are remembered; beyond it the oldest is forgotten.
    ``single_use_refresh_tokens``: whether a refresh token can be used only once (the real service issues a new one
    each time and is not known to revoke the old one).
    ``saml2_grant_takes_saml1``: the document's own sample sends a SAML 1 assertion with the saml2-bearer grant,
    MSAL.NET issue 1871 shows AADSTS7500514 for it; the default follows the capture.
    ``grants_refused_over_common``: v2 grants that ``/common`` does not take (documented for ``password``, unconfirmed
    for the others).
    ``device_code_slow_down``: whether polling faster than the interval is ``slow_down``, at which MSAL.NET and msal4j
    give up; whether the real service sends it is unconfirmed.
    ``untyped_form``: whether a token request without a Content-Type is read as a form (unconfirmed; requests with
    another media type are not).
    ``wia_browsers``: the User-Agents for which a federation service's page tries the ticket (AD FS's own list in short:
    Internet Explorer and Edge on Windows; AD FS documentation, WIASupportedUserAgents).
    ``error_separator``: the text between the parts of ``error_description``: a blank in captures from 2024 on, CRLF
    before.
    """

    client_rule: ClientRule = ClientRule()
    ticket_codes: Mapping[RefusalReason, int] = field(default_factory=lambda: TICKET_CODES)
    refused_ticket_status: int = 403
    fault_status: int = 400
    header_limit: int = HEADER_LIMIT
    soap_limit: int = SOAP_LIMIT
    refuse_replay: bool = True
    replay_capacity: int = 200_000
    single_use_refresh_tokens: bool = False
    saml2_grant_takes_saml1: bool = False
    grants_refused_over_common: frozenset[str] = GRANTS_REFUSED_OVER_COMMON
    device_code_slow_down: bool = False
    untyped_form: bool = False
    wia_browsers: tuple[re.Pattern[str], ...] = (re.compile(r"MSIE \d|Trident/7|Windows\s*NT.*Edg"),)
    error_separator: str = " "
