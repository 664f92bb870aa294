"""The fault ``jwks-key-removed``."""

from __future__ import annotations

import dataclasses

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.faults.core.http_fault import HttpFault

__all__ = ["JwksKeyRemoved"]


class JwksKeyRemoved(HttpFault, frozen=True, kw_only=True, tag="jwks-key-removed"):
    """The published keys do not contain the signing key in use; tokens are still signed with it.

    Source: Azure AD, 15 March 2021 (a key marked to be retained was removed from the metadata).
    """

    path: str = "/discovery/"

    def effect_on(self, call: Call) -> HttpEffect | None:
        """Return the key documents without keys."""
        if call.path[-1:] != ("keys",):
            return None

        def without_keys(answer: HttpReply) -> HttpReply:
            return dataclasses.replace(answer, body=b'{"keys":[]}') if answer.status == 200 else answer

        return HttpEffect(change=without_keys)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return "the signing key in use is missing from the published keys"
