"""The on-behalf-of grant: an API redeems the access token that a user's client sent to it for a token of another API.

Source: Entra document "Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow" (v2-oauth2-on-behalf-of-flow.md);
MSAL.NET issue 1317 (AADSTS50013), MSAL.js issue 389 (AADSTS500131). The order of the checks is unconfirmed.
"""

from __future__ import annotations

from ssosim.entra.core.authentication import PASSWORD, WINDOWS, Authentication
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jwt_reader import JwtError, SignedJwt
from ssosim.entra.core.messages import Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.timestamps import format_xml_time
from ssosim.entra.oauth.client_types import authenticate_as
from ssosim.entra.oauth.own_tokens import ExpiredTokenError, OwnTokenError, check_dates, find_issue_time, read_own_token
from ssosim.entra.oauth.requested_access import require_parameter
from ssosim.entra.oauth.token_request import TokenRequest
from ssosim.estate import User

__all__ = ["ON_BEHALF_OF", "verify_user_assertion"]

ON_BEHALF_OF = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""The ``grant_type`` (RFC 7523, section 2.1)."""


def verify_user_assertion(
    provider: Provider, call: Call, request: TokenRequest
) -> tuple[TokenRequest, User, Authentication]:
    """Authenticate the API, and verify the access token that it presents.

    Returns the request with its client authenticated, the user of the token, and how the user has authenticated (the
    time is that at which the token was issued).
    Raises AadstsError: 900144 and 9002313 (parameters), 7000218 and the codes of client authentication, 50027 (not a
    JWT), 50013 (signature, issuer, not an access token), 500133 (dates), 500131 (the token is for another API), 7000114
    (the token of an application), 50034 (the user). ``check_parameters`` refuses ``requested_token_type``.
    """
    assertion = require_parameter(request.form, "assertion")
    use = require_parameter(request.form, "requested_token_use")
    if use != "on_behalf_of":
        raise AadstsError(9002313, reason="The requested_token_use is not on_behalf_of.")
    request = authenticate_as(provider, call, request, "confidential")
    token = _read(provider, call, assertion)
    audience = str(token.claims.get("aud", ""))
    if provider.directory.find_api(audience) is not request.application:
        client = request.application
        raise AadstsError(500131, audience=audience[:256], client=client.client_id, name=client.name)
    if not token.claims.get("scp"):
        raise AadstsError(7000114, client=str(token.claims.get("appid") or token.claims.get("azp"))[:64])
    subject = str(token.claims.get("oid", ""))
    user = provider.directory.require_user_by_id(subject, str(token.claims.get("tid")))
    amr = token.claims.get("amr") or ()
    method = WINDOWS if "wia" in amr else PASSWORD
    return request, user, Authentication(method, find_issue_time(token), mfa="mfa" in amr)


def _read(provider: Provider, call: Call, assertion: str) -> SignedJwt:
    now = call.now
    try:
        token = read_own_token(provider, assertion)
        call.trace_buffer.note_not_checked(*check_dates(provider, token, now))
    except JwtError as error:
        raise AadstsError(50027, reason=str(error)) from None
    except OwnTokenError as error:
        raise AadstsError(50013, reason=str(error)) from None
    except ExpiredTokenError as error:
        raise AadstsError(500133, now=format_xml_time(now), expires=format_xml_time(error.expires)) from None
    return token
