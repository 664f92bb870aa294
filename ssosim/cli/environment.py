"""Environment variables of ssosim, and a note about one that is misspelt: it would change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["VARIABLES", "describe_misspelt_variables"]

VARIABLES = (
    ("SSOSIM_HOME", "The folder of the state of labs; default: $XDG_STATE_HOME/ssosim, else ~/.local/state/ssosim."),
    ("SSOSIM_SAMBA", 'A folder of unpacked packages of Samba, for realms with directory = "samba".'),
    ("SSOSIM_CACHE", "The folder of prepared KDC databases and signing keys."),
    ("SSOSIM_CLIENTS_HOME", "The folder of installed real clients."),
    ("SSOSIM_TRACE_RECORDS", "How many records of the trace a lab keeps in memory; at least 1000, default: a million."),
    ("SSOSIM_FAST_PATHS", "off: the servers use aiohttp and dnspython in the ordinary way only, which is slower."),
)
"""The variables that commands read: name and meaning."""

_OF_PROGRAMS = frozenset({"SSOSIM_LAB", "SSOSIM_USER", "SSOSIM_PASSWORD", "SSOSIM_PERSON"})
"""Variables that a lab gives to its programs, one of which may be a command of ssosim."""

_NEAR = 0.85


def describe_misspelt_variables(names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence about each of the environment's ``names`` that is nearly that of a variable of ssosim."""
    known = {name for name, _ in VARIABLES} | _OF_PROGRAMS
    strange = [name for name in names if name.upper().startswith("SSOSIM") and name not in known]
    if not strange:
        return
    import difflib  # noqa: PLC0415 - rarely needed

    for name in sorted(strange):
        if near := difflib.get_close_matches(name.upper(), sorted(known), n=1, cutoff=_NEAR):
            yield f"note: the environment variable {name} is not read; did you mean {near[0]}?"
