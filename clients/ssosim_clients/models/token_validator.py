"""A web API that checks the signing key of tokens, together with a client that calls it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final

from ssosim_clients.failures import StageFailure
from ssosim_clients.flows import AppOnlyFlow
from ssosim_clients.models.base import SignInReport, SignInState
from ssosim_clients.ports import Device, NetworkFailure
from ssosim_clients.spn.rule import NO_TICKET

__all__ = ["TOKEN_VALIDATOR", "TokenValidator"]

_KEYS_KEY: Final = "token-validator:keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenValidator:
    """An application gets a token as itself. The API looks up its signing key and refuses a token with an unknown key.

    ``key_lifetime``: how long the API caches the key document, in seconds; 24 h as in common middleware, 0 to fetch it
    for every token. It fetches the document again if a key is missing, so an incident reaches it in spite of the cache.
    A token that is not a JWT has no key id and is accepted.
    """

    name: str
    description: str
    sources: tuple[str, ...]
    key_lifetime: float = 86400.0
    flow: AppOnlyFlow = field(default_factory=AppOnlyFlow)

    async def sign_in(self, device: Device) -> SignInReport:
        """Get a token and check its signing key."""
        try:
            tokens = await self.flow.attempt(device, NO_TICKET)
            if tokens.access_token.count(".") != 2:
                return SignInReport(SignInState.SILENT, "an opaque token", attempts=1, tokens=tokens)
            key_id = _read_key_id(tokens.access_token)
            published = device.memory.recall(_KEYS_KEY, frozenset, device.clock.now())
            if published is None or key_id not in published:
                published = await self._fetch_key_ids(device)
        except StageFailure as error:
            return SignInReport(SignInState.FAILED, str(error), error.stage, 1)
        except (NetworkFailure, ValueError) as error:
            return SignInReport(SignInState.FAILED, f"no keys: {error}", None, 1)
        if key_id not in published:
            return SignInReport(SignInState.FAILED, f"401: the key {key_id!r} is not published", None, 1)
        return SignInReport(SignInState.SILENT, attempts=1, tokens=tokens)

    async def _fetch_key_ids(self, device: Device) -> frozenset[str]:
        tenant = device.app_credentials.tenant if device.app_credentials else "common"
        url = f"https://{self.flow.app.login_host}/{tenant}/discovery/v2.0/keys"
        response = await device.http.request("GET", url, {"Accept": "application/json"}, b"")
        if response.status != 200:
            raise ValueError(f"HTTP {response.status}")
        document: Any = json.loads(response.body)
        keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(keys, list):
            raise ValueError("the document contains no list of keys")  # noqa: TRY004 - of a server, not of a caller
        key_ids = frozenset(str(key["kid"]) for key in keys if isinstance(key, dict) and "kid" in key)
        if self.key_lifetime:
            device.memory.keep(_KEYS_KEY, key_ids, device.clock.now() + self.key_lifetime)
        return key_ids


def _read_key_id(token: str) -> str:
    """The key id in the header of a JWT. Raises ValueError if ``token`` is not a JWT."""
    head = token.partition(".")[0]
    header: Any = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    if not isinstance(header, dict) or "kid" not in header:
        raise ValueError("the token's header names no key")
    return str(header["kid"])


TOKEN_VALIDATOR: Final = TokenValidator(
    name="token-validator",
    description="a web API that fetches the published keys for every token it checks",
    sources=(
        "Azure AD, 15 March 2021: only applications that read the metadata anew failed",
        "Entra documentation: access tokens, validating the signature",
        "unconfirmed: that its check depends on the key id in the document, and not on the signature itself",
    ),
    key_lifetime=0.0,
)
