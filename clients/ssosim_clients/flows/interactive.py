"""The interactive way: ask the person, then exchange what they typed.

Real clients show a browser page; the password grant stands in for it here, since what matters to a resilience test is
that a person was needed and that the login host alone was enough.
"""

from __future__ import annotations

from ssosim_clients.failures import OauthFailure, Stage, during
from ssosim_clients.flows import token
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device

__all__ = ["MAX_PROMPTS", "sign_in"]

MAX_PROMPTS = 3
"""How often a wrong password is asked for again before the window closes. Unconfirmed for any one client."""


async def sign_in(device: Device, app: Application, reason: str) -> Tokens | None:
    """Ask until the password is right; None when the person refuses or walks away.

    Raises ``StageFailure`` at the token stage: at once for any failure but a refused password.
    """
    for remaining in reversed(range(MAX_PROMPTS)):
        password = await device.user.prompt_password(device.upn, reason)
        if password is None:
            return None
        with during(Stage.TOKEN):
            try:
                return await token.request_with_password(device, app, password)
            except OauthFailure as failure:
                if failure.error != "invalid_grant" or not remaining:
                    raise
                reason = str(failure)
    raise AssertionError("unreachable: the last prompt returns or raises")
