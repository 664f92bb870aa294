"""What a resolver gives to its clients, on sockets and in memory."""

from __future__ import annotations

import dataclasses
from typing import Literal

import msgspec
from dns.name import Name

from ssosim.dns.zones.answer import Answer

__all__ = ["Origin", "with_query_name"]

Origin = Literal["cache", "stale", "upstream"]


def with_query_name(answer: Answer, name: Name) -> Answer:
    """Return ``answer`` with the name exactly as the client wrote it."""
    first, rest = answer.answer[:1], answer.answer[1:]
    return msgspec.structs.replace(
        answer, name=name, answer=(*(dataclasses.replace(rrset, name=name) for rrset in first), *rest)
    )
