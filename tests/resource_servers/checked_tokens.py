"""Help for tests of ``check_access_token`` itself: one call with one token, and what the check says of it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multidict import CIMultiDict

from ssosim.entra import Call
from ssosim.entra.core.jose import sign_jwt
from ssosim.resource_servers.access_tokens import Caller, Requirements, TokenRefusedError, check_access_token
from ssosim.trace import AccessTokenChecked

from .conftest import CLI, NOW, Servers
from .estates import CONTOSO_TENANT

API = "https://orders.example"
ALICE = "alice@contoso.com"
V1_ISSUER = f"https://sts.windows.net/{CONTOSO_TENANT}/"
V2_ISSUER = f"https://login.microsoftonline.com/{CONTOSO_TENANT}/v2.0"
V2: Mapping[str, Any] = {"ver": "2.0", "iss": V2_ISSUER, "azp": CLI, "appid": None}
"""What makes a token of version 1.0 one of version 2.0."""
WANTED = Requirements((API,), versions=("1.0", "2.0"))


@dataclass(frozen=True)
class Checked:
    """What became of a token: the caller or the refusal, the events, and the call."""

    caller: Caller | None
    refused: TokenRefusedError | None
    events: tuple[Any, ...]
    call: Call

    @property
    def event(self) -> AccessTokenChecked:
        """The one record of the check."""
        (event,) = self.events
        assert isinstance(event, AccessTokenChecked)
        return event

    @property
    def reason(self) -> str:
        """Why it was refused; empty if it was not."""
        return self.refused.reason if self.refused else ""

    @property
    def challenge(self) -> Any:
        """The claims challenge of the refusal, decoded."""
        assert self.refused is not None
        text = self.refused.claims
        return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def check_call(servers: Servers, call: Call, wanted: Requirements = WANTED) -> Checked:
    """Check the token of ``call``."""
    caller = refused = None
    try:
        caller = check_access_token(servers.lab.provider, call, wanted)
    except TokenRefusedError as error:
        refused = error
    return Checked(caller, refused, tuple(call.trace_buffer.events), call)


def make_call(*fields: str, now: float = NOW, host: str = "orders.example") -> Call:
    """A request with these header fields Authorization."""
    headers = CIMultiDict([("Authorization", each) for each in fields])
    return Call.read("GET", host, "/", headers=headers, now=now)


def check_text(servers: Servers, text: str, wanted: Requirements = WANTED, *, now: float = NOW) -> Checked:
    """Check a bearer token."""
    return check_call(servers, make_call(f"Bearer {text}", now=now), wanted)


def sign(servers: Servers, name: str = ALICE, **changed: Any) -> str:
    """The good token for the API, with changed claims; None leaves one out."""
    return sign_jwt(servers.lab.provider.keys.cloud, servers.claims(name, **({"aud": API} | changed)))


def check(
    servers: Servers, name: str = ALICE, wanted: Requirements = WANTED, *, now: float = NOW, **changed: Any
) -> Checked:
    """Check the good token with changed claims."""
    return check_text(servers, sign(servers, name, **changed), wanted, now=now)
