"""Device codes that have been issued, in a store of bounded size.

The codes cannot be sealed tokens: the sign-in page changes the state of a code, and the device reads it by polling.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Literal

from msgspec import Struct

from ssosim.entra.core.authentication import Authentication

__all__ = ["DEVICE_CODE_LIFETIME", "POLL_INTERVAL", "DeviceCode", "DeviceCodeStore"]

DEVICE_CODE_LIFETIME, POLL_INTERVAL = 900, 5
"""Seconds, both from the Entra device-code document."""

_LETTERS = "BCDFGHJKLMNPQRSTVWXYZ23456789"  # no vowels, and no two letters that look alike
_LENGTH = 9


class DeviceCode(Struct):
    """One device code and its state.

    Times are in seconds since the Unix epoch. ``subject`` is the object id of the user who approved the code,
    ``authentication`` how that user did so, ``last_poll`` the time of the last token request with the code.
    """

    device_code: str
    user_code: str
    client_id: str
    authority: str
    version: str
    resource: str
    scopes: tuple[str, ...]
    not_on_or_after: float
    state: Literal["pending", "approved", "declined", "used"] = "pending"
    subject: str = ""
    authentication: Authentication | None = None
    last_poll: float = 0.0


class DeviceCodeStore:
    """Holds at most ``capacity`` codes; when it is full, the oldest code is removed."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._codes: OrderedDict[str, DeviceCode] = OrderedDict()
        self._by_user_code: dict[str, DeviceCode] = {}

    def issue(self, *, client_id: str, authority: str, version: str, resource: str, scopes: tuple[str, ...],
              now: float) -> DeviceCode:  # fmt: skip
        """Create and store a code for this client, authority, resource and scopes. ``now``: seconds since the epoch."""
        while (user_code := "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))) in self._by_user_code:
            pass
        code = DeviceCode(
            secrets.token_urlsafe(96), user_code, client_id, authority, version, resource, scopes,
            now + DEVICE_CODE_LIFETIME,
        )  # fmt: skip
        if len(self._codes) >= self._capacity:
            _, oldest = self._codes.popitem(last=False)
            del self._by_user_code[oldest.user_code]
        self._codes[code.device_code] = self._by_user_code[user_code] = code
        return code

    def find_by_device_code(self, device_code: str) -> DeviceCode | None:
        """Return the code that a device polls with, or None.

        The code has 128 random letters, so the time that a look-up takes reveals nothing about other codes.
        """
        return self._codes.get(device_code)

    def find_by_user_code(self, user_code: str) -> DeviceCode | None:
        """Return the code that a user typed, or None. Case, blanks and dashes do not matter."""
        return self._by_user_code.get(user_code.upper().replace("-", "").replace(" ", ""))
