"""Access tokens that this provider has issued, when they come back: as the assertion of on-behalf-of, or as a bearer.

Sources: Entra documents "On-Behalf-Of flow" and "Access tokens" (validation: signature, issuer, dates, audience).
"""

from __future__ import annotations

from ssosim.entra.core.jwt_reader import JwtError, SignedJwt, read_date, read_jwt
from ssosim.entra.core.openid_discovery import TokenVersion, issuer_of
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.client_assertion import verify_signature
from ssosim.entra.oauth.tokens import BACKDATING
from ssosim.estate.lenient_settings import LONGEST_ACCESS_TOKEN, LenientSetting, is_strictly_valid

__all__ = [
    "KEY_NOT_FOUND",
    "WRONG_SIGNATURE",
    "ExpiredTokenError",
    "OwnTokenError",
    "check_dates",
    "find_issue_time",
    "find_old_token",
    "read_own_token",
]


KEY_NOT_FOUND = "The key was not found."
WRONG_SIGNATURE = "The provided signature value did not match the expected signature value."


class OwnTokenError(ValueError):
    """The token was not issued here, has been changed, or is of another kind. The text says which."""


class ExpiredTokenError(ValueError):
    """The token is not within its valid time range. ``expires`` is its end in seconds since the Unix epoch."""

    def __init__(self, expires: float) -> None:
        super().__init__("The token is not within its valid time range.")
        self.expires = expires


def read_own_token(provider: Provider, text: str) -> SignedJwt:
    """Read an access token that this provider has issued. The dates are not checked.

    Raises JwtError for a text that is no JWT, and OwnTokenError for another key, a wrong signature, another issuer, and
    a token that is no access token: an id token names no client (``appid``, ``azp``).
    """
    token = read_jwt(text)
    key = provider.keys.cloud
    if token.header.get("alg") != "RS256" or token.header.get("kid") != key.key_id:
        raise OwnTokenError(KEY_NOT_FOUND)
    if not verify_signature(token, key.private.public_key()):
        raise OwnTokenError(WRONG_SIGNATURE)
    version: TokenVersion = "2.0" if token.claims.get("ver") == "2.0" else "1.0"
    if token.text_claim("iss") != issuer_of(provider.estate.cloud, token.text_claim("tid"), version):
        raise OwnTokenError("The issuer is another one.")
    if not token.claims.get("appid" if version == "1.0" else "azp"):
        raise OwnTokenError("The token is not an access token.")
    return token


def check_dates(provider: Provider, token: SignedJwt, now: float) -> tuple[LenientSetting, ...]:
    """Check ``nbf`` and ``exp``, with the clock skew of the cloud; raises ExpiredTokenError and JwtError.

    Return the lenient settings without which the token would have been refused.
    """
    begins, ends = read_date(token.claims, "nbf"), read_date(token.claims, "exp")
    if begins is None or ends is None:
        raise JwtError("It has no dates.")
    skew = provider.estate.cloud.clock_skew
    if not begins - skew <= now < ends + skew:
        raise ExpiredTokenError(ends)
    of_skew: tuple[LenientSetting, ...] = () if is_strictly_valid(begins, ends, now) else ("cloud.clock_skew",)
    return (*of_skew, *find_old_token(begins, now))


def find_issue_time(token: SignedJwt) -> float:
    """Return when ``token`` was issued, in seconds since the Unix epoch: later than its ``iat`` (``BACKDATING``)."""
    issued = read_date(token.claims, "iat")
    return 0.0 if issued is None else issued + BACKDATING


def find_old_token(begins: float, now: float) -> tuple[LenientSetting, ...]:
    """Return the lenient setting by which an access token lives that is valid from ``begins``: older than any real one.

    Times are in seconds since the Unix epoch.
    """
    is_old = now - begins > LONGEST_ACCESS_TOKEN + BACKDATING
    return ("cloud.access_token_lifetime",) if is_old else ()
