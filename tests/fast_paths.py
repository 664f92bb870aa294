"""Both ways of the servers: the fast paths, and the ordinary way of the libraries."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ssosim.dns.server import fast_path as dns
from ssosim.entra.http import fast_path as http
from ssosim.fast_paths import SWITCH

DOORS = (dns, http)


def forget_states() -> None:
    """Let each fast path be decided anew at its next use."""
    for door in DOORS:
        door.state.cache_clear()


@contextlib.contextmanager
def switched(value: str) -> Iterator[None]:
    """Set the switch to ``value``, for servers that are made meanwhile."""
    before = os.environ.get(SWITCH)  # of this variable only: others may be set meanwhile, and stay
    os.environ[SWITCH] = value
    forget_states()
    try:
        yield
    finally:
        if before is None:
            del os.environ[SWITCH]
        else:
            os.environ[SWITCH] = before
        forget_states()
