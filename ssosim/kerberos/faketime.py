"""Give a program another clock than the machine's, by the library libfaketime.

The library replaces the functions of the C library that read the clock, so it works with programs that call these. A
program that is linked statically, or that asks the kernel itself as programs in Go do, keeps the machine's clock.

Source: libfaketime, README (FAKETIME, DONT_FAKE_MONOTONIC, libfaketimeMT for programs with threads).
"""

from __future__ import annotations

import functools
import glob
from pathlib import Path

from ssosim.kerberos.errors import ProgramMissingError

__all__ = ["build_clock_environment", "find_libfaketime"]

_PLACES = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib*/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)
_PACKAGE = "libfaketime"


@functools.cache
def find_libfaketime() -> Path:
    """Return the path of the library. Raises ProgramMissingError, which names the package to install."""
    found = [path for place in _PLACES for path in sorted(glob.glob(place))]  # noqa: PTH207 - a pattern in a folder
    if not found:
        raise ProgramMissingError("libfaketimeMT.so.1", _PACKAGE, "/usr/lib and /usr/local/lib")
    return Path(found[0])


def build_clock_environment(clock: int | Path) -> dict[str, str]:
    """Return the variables for a program whose clock is so many seconds ahead of the machine's (negative: behind).

    ``clock``: the seconds, or a file with them such as ``+600s``, which the program reads again each second. Time
    limits of programs go on as they are, by the monotonic clock. Raises ProgramMissingError.
    """
    chosen = (
        {"FAKETIME": f"{clock:+d}s"}
        if isinstance(clock, int)
        else {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_CACHE_DURATION": "1"}
    )
    return chosen | {
        "LD_PRELOAD": str(find_libfaketime()),
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
