"""Interactive sign-in: the user types a password, which is exchanged for tokens.

A real client shows a browser page. Here the password grant replaces it: for a resilience test it is sufficient that the
user was needed, and that only the login host was used.
"""

from __future__ import annotations

from ssosim_clients.failures import OauthFailure, Stage, during
from ssosim_clients.flows import token
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device

__all__ = ["MAX_PROMPTS", "sign_in"]

MAX_PROMPTS = 3
"""How often the prompt is shown if the password is wrong. Unconfirmed for every client."""


async def sign_in(device: Device, app: Application, reason: str) -> Tokens | None:
    """Show the prompt until the password is correct. None if the user cancels or does not respond.

    Raises ``StageFailure`` in the token stage: after the last wrong password, and at once for any other failure.
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
