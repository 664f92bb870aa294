"""What people write by hand: the happy path, and a loop around it."""

from __future__ import annotations

from typing import Final

from ssosim_clients.models.client import Client
from ssosim_clients.policies import RetryHot
from ssosim_clients.spn import RULES

__all__ = ["NAIVE"]

NAIVE: Final = Client(
    name="naive",
    description="hand-written client without a policy: three tries without a pause, then it raises",
    sources=(
        "Azure Incident Retrospective TMS9-J_8: advice to take a library and not to write one's own",
        RULES["requests-gssapi"].source,
    ),
    spn=RULES["requests-gssapi"],
    policy=RetryHot(),
    can_prompt=False,
)
