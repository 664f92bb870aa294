"""Which names in a trace are clients that sign in, and which are parts of the lab: resolvers and commands of ssosim."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ssosim.trace import DnsAnswered, Record

__all__ = ["LAB_COMMANDS", "describe_unknown_client", "find_resolvers", "list_clients"]

LAB_COMMANDS = frozenset({"spn", "dns-probe"})
"""Client names under which the trace has the queries of ``ssosim spn`` and ``ssosim dns``; they do not sign in."""


def find_resolvers(records: Iterable[Record]) -> frozenset[str]:
    """Return the names of the DNS servers and resolvers that answered; a resolver asks others under the same name."""
    return frozenset(record.event.by for record in records if isinstance(record.event, DnsAnswered) and record.event.by)


def list_clients(records: Iterable[Record]) -> tuple[str, ...]:
    """Return the names of the clients that sign in, in the order of their first records."""
    records = tuple(records)
    others = LAB_COMMANDS | find_resolvers(records)
    return tuple(dict.fromkeys(record.client for record in records if record.client and record.client not in others))


def describe_unknown_client(name: str, known: Iterable[str]) -> str:
    """Return the text of a mistake: there is no client ``name``; the clients that there are, and near matches."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"there is no client {name[:60]!r} in the trace; clients: {', '.join(known) or 'none'}{hint}"
