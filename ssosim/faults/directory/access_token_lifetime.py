"""The fault ``access-token-lifetime``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.faults.core.estate_fault import EstateFault
from ssosim.trace import SignInStep

__all__ = ["AccessTokenLifetime"]


class AccessTokenLifetime(EstateFault, frozen=True, kw_only=True, tag="access-token-lifetime"):
    """New access tokens live for ``seconds`` only, in all clouds: an operation that takes longer outlives its token.

    Tokens of before keep their end, and those of managed identities theirs. In Microsoft Entra ID a policy can set 10
    minutes to 24 hours; here it is any time, so that a test of an hour takes seconds. Source: Microsoft Entra document
    "Configurable token lifetimes in the Microsoft identity platform".
    """

    seconds: Annotated[int, Meta(ge=1, le=86400)]

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the lifetime."""
        clouds = tuple(replace(each, access_token_lifetime=self.seconds) for each in estate.clouds)
        return replace(estate, cloud=replace(estate.cloud, access_token_lifetime=self.seconds), clouds=clouds)

    def changes_answer(self, step: SignInStep) -> bool:
        """Each answer of the token endpoint has tokens of this lifetime."""
        return step is SignInStep.TOKEN

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"new access tokens live for {self.seconds} s"
