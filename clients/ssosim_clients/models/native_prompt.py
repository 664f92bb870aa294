"""A native client that prompts the user at the first failure of a silent sign-in."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows.native import NativeFlow
from ssosim_clients.flows.token import Application
from ssosim_clients.models.client import Client
from ssosim_clients.policies import PromptAtOnce
from ssosim_clients.spn import RULES

__all__ = ["NATIVE_PROMPT"]

NATIVE_PROMPT: Final = Client(
    name="native-prompt",
    description="native client that prompts the user at the first failure of the silent sign-in, whatever it was",
    sources=(
        "Entra documentation: Seamless SSO is opportunistic, a failure leads to the ordinary sign-in page",
        RULES["dotnet-framework"].source,
    ),
    spn=RULES["dotnet-framework"],
    policy=PromptAtOnce(),
    flow=NativeFlow(Application(client_id="1950a258-227b-4e31-a9cf-717495945fc2")),
)
"""Its SPN is of the same family as that of Office: silent sign-in fails in the same phases, but it never stalls."""
