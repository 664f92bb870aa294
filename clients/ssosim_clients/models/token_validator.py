"""A web API that checks the tokens it is given, and its caller, in one: whether published keys and tokens agree."""

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

_KEYS: Final = "token-validator:keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenValidator:
    """An application gets a token as itself; the API behind it looks the signing key up and refuses what it lacks.

    ``key_lifetime`` is how long it keeps the key document, in seconds: 24 h as common middleware has it, 0 to fetch it
    for every token. It fetches it again where a key is missing, which is what spreads such an incident. A token that is
    no JWT names no key, and there is nothing to look up.
    """

    name: str
    description: str
    sources: tuple[str, ...]
    key_lifetime: float = 86400.0
    flow: AppOnlyFlow = field(default_factory=AppOnlyFlow)

    async def sign_in(self, device: Device) -> SignInReport:
        """Get a token and have it checked."""
        try:
            tokens = await self.flow.attempt(device, NO_TICKET)
            if tokens.access_token.count(".") != 2:
                return SignInReport(SignInState.SILENT, "an opaque token", attempts=1, tokens=tokens)
            wanted = _key_id(tokens.access_token)
            kept = device.memory.recall(_KEYS, frozenset, device.clock.now())
            if kept is None or wanted not in kept:
                kept = await self._fetch(device)
        except StageFailure as error:
            return SignInReport(SignInState.FAILED, str(error), error.stage, 1)
        except (NetworkFailure, ValueError) as error:
            return SignInReport(SignInState.FAILED, f"no keys: {error}", None, 1)
        if wanted not in kept:
            return SignInReport(SignInState.FAILED, f"401: the key {wanted!r} is not published", None, 1)
        return SignInReport(SignInState.SILENT, attempts=1, tokens=tokens)

    async def _fetch(self, device: Device) -> frozenset[str]:
        tenant = device.app_credentials.tenant if device.app_credentials else "common"
        url = f"https://{self.flow.app.login_host}/{tenant}/discovery/v2.0/keys"
        answer = await device.http.request("GET", url, {"Accept": "application/json"}, b"")
        if answer.status != 200:
            raise ValueError(f"HTTP {answer.status}")
        document: Any = json.loads(answer.body)
        keys = frozenset(str(key.get("kid")) for key in document["keys"])
        if self.key_lifetime:
            device.memory.keep(_KEYS, keys, device.clock.now() + self.key_lifetime)
        return keys


def _key_id(token: str) -> str:
    """The key id in a JWT's header; raises ValueError for what is no JWT."""
    head = token.partition(".")[0]
    header: Any = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return str(header["kid"])


TOKEN_VALIDATOR: Final = TokenValidator(
    name="token-validator",
    description="a web API that fetches the published keys for every token it checks",
    sources=(
        "Azure AD, 15 March 2021: only applications that read the metadata anew failed",
        "Entra documentation: access tokens, validating the signature",
        "unconfirmed: that a key missing from the document is what its check turns on, not the signature itself",
    ),
    key_lifetime=0.0,
)
