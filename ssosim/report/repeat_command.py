"""The command that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

__all__ = ["build_repeat_command"]


def build_repeat_command(
    scenario: str,
    clients: Iterable[str],
    seed: int,
    estate: str | None = None,
    programs: Iterable[str] = (),
    more: Iterable[str] = (),
) -> str:
    """``ssosim run ...``, quoted for a POSIX shell.

    ``scenario`` is a name or a file, ``clients`` none for all of them, ``programs`` those of ``--exec``, ``more`` other
    options.
    """
    words = ["ssosim", "run", scenario]
    for client in clients:
        words += ["--client", client]
    for program in programs:
        words += ["--exec", program]
    words += more
    words += ["--seed", str(seed)]
    if estate is not None:
        words += ["--estate", estate]
    return shlex.join(words)
