"""Test what you write: a device in memory with everything around it, and checks of the contracts.

    from ssosim_clients.testing import World, check_client, check_policy

    check_policy(MyPolicy())
    check_client(MY_CLIENT)

    world = World(person=["Alice-lab-password-1"])
    world.after(60, World.remove_record)
    belief = world.play(MY_CLIENT.sign_in(world.device()), seconds=3600)
    print(world.log)

Time is virtual: an hour passes in about a millisecond. Nothing here opens a socket or needs asyncio.
"""

from __future__ import annotations

from ssosim_clients.testing.checks import SITUATIONS, ConformanceError, check_client, check_policy
from ssosim_clients.testing.engine import Engine, Run, SpinningError
from ssosim_clients.testing.request import Request, Step
from ssosim_clients.testing.seen import Seen
from ssosim_clients.testing.surroundings import AUTOLOGON, FEDERATED_UPN, LOGIN, MANAGER, PASSWORD, STS, UPN
from ssosim_clients.testing.world import World

__all__ = [
    "AUTOLOGON",
    "FEDERATED_UPN",
    "LOGIN",
    "MANAGER",
    "PASSWORD",
    "SITUATIONS",
    "STS",
    "UPN",
    "ConformanceError",
    "Engine",
    "Request",
    "Run",
    "Seen",
    "SpinningError",
    "Step",
    "World",
    "check_client",
    "check_policy",
]
