"""A hand-written client: the successful case, and a retry loop around it."""

from __future__ import annotations

from typing import Final

from ssosim_clients.models.client import Client
from ssosim_clients.policies import RetryHot
from ssosim_clients.spn import RULES

__all__ = ["NAIVE"]

NAIVE: Final = Client(
    name="naive",
    description="hand-written client without a policy: three attempts without a pause, then an error",
    sources=(
        "Azure Incident Retrospective TMS9-J_8: advice to use a library instead of a hand-written client",
        RULES["requests-gssapi"].source,
    ),
    spn=RULES["requests-gssapi"],
    policy=RetryHot(),
    can_prompt=False,
)
