"""The control API's way to get a token of one of the estate's OpenID issuers."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ssosim.entra.core.keys import issuer_key_name
from ssosim.estate import OpenidIssuer
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.request_bodies import json_object, text_or_none
from ssosim.lab.core.lab import Lab
from ssosim.nearest import suggest_nearest
from ssosim.services.openid_issuer import EXCHANGE_AUDIENCE, sign_federated_token

__all__ = ["sign_token"]

_KEYS = ("issuer", "subject", "audience", "expires_in", "claims")
_MAX_LIFETIME = 10 * 365 * 86400


async def sign_token(lab: Lab, request: web.Request) -> web.Response:
    """Answer ``{"issuer": …, "subject": …}`` with a token; ``audience``, ``expires_in`` and ``claims`` are optional.

    ``expires_in`` is in seconds from now, and may be negative. ``claims`` replace or add claims; null leaves one out.
    Raises LabInputError.
    """
    body = await json_object(request, _KEYS)
    issuer = _find_issuer(lab, text_or_none(body, "issuer"))
    subject = text_or_none(body, "subject")
    if not subject:
        raise LabInputError("subject: expected the sub claim of the token")
    claims = {} if body.get("claims") is None else body["claims"]
    if not isinstance(claims, dict):
        raise LabInputError("claims: expected an object of claims")
    audience = text_or_none(body, "audience")
    now = lab.clock.now()
    key = lab.keys.generated[issuer_key_name(issuer.issuer)]
    token = sign_federated_token(
        key,
        issuer,
        subject=subject,
        audience=EXCHANGE_AUDIENCE if audience is None else audience,
        now=now,
        claims={"exp": int(now) + _read_lifetime(body, issuer)} | claims,
    )
    return web.json_response({"token": token})


def _find_issuer(lab: Lab, name: str | None) -> OpenidIssuer:
    """Return the issuer called ``name``; without a name, the only one."""
    known = [each.issuer for each in lab.estate.openid_issuers]
    if not known:
        raise LabInputError("this lab has no issuer: its estate needs [[openid_issuers]]")
    if name is None and len(known) > 1:
        raise LabInputError(f"issuer: expected one of: {', '.join(known)}")
    wanted = known[0] if name is None else name
    if wanted not in known:
        hint = suggest_nearest(wanted, known) or f"known: {', '.join(known)}"
        raise LabInputError(f"issuer: there is no issuer {wanted!r}; {hint}")
    return next(each for each in lab.estate.openid_issuers if each.issuer == wanted)


def _read_lifetime(body: dict[str, Any], issuer: OpenidIssuer) -> int:
    value = body.get("expires_in", issuer.token_lifetime)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_LIFETIME:
        raise LabInputError("expires_in: expected a whole number of seconds, at most ten years")
    return value
