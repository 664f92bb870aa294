"""What a fault does to a DNS answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dns.name import Name
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.extended_errors import ExtendedError
from ssosim.dns.zones.query_context import QueryContext
from ssosim.trace import DnsAnswered

__all__ = ["AnswerFunction", "Effect", "FindDnsEffect"]

AnswerFunction = Callable[[Name, RdataType, QueryContext], Answer]
"""(name, type, context) -> the answer to that question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a fault does to one answer.

    ``drop``: never send it. ``delay``: send it that many seconds later. ``rcode``: send this error code (0 to 15)
    instead. ``truncate``: send a header only, with TC set. ``replacement``: send the answer of this function instead.
    ``extended_error``: why ``rcode``.
    ``unless_cd``: leave queries with the CD bit unchanged, as a validating resolver must (RFC 4035 section 3.2.2).
    ``faults`` are the numbers of the faults that have this effect, for the trace, and ``delayed_by`` of those that only
    delay it, which are to blame if it is dropped because it would come too late.
    """

    drop: bool = False
    delay: float = 0.0
    rcode: Rcode | None = None
    truncate: bool = False
    replacement: AnswerFunction | None = None
    unless_cd: bool = False
    extended_error: ExtendedError | None = None
    faults: tuple[int, ...] = ()
    delayed_by: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse (ValueError) a negative answer without AA and SOA: glibc reports EAI_AGAIN (measured, 2.36)."""
        if self.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN):
            raise ValueError(
                f"rcode {self.rcode.name} is a negative answer, not an error: use replacement, with an SOA"
            )

    @property
    def final(self) -> bool:
        """Whether it decides the content of the answer, so that no other effect can change it."""
        return self.drop or self.truncate or self.rcode is not None or self.replacement is not None


FindDnsEffect = Callable[[DnsAnswered, str], Effect | None]
"""(event of the answer, client) -> the effect on this answer; None for no effect. Faults use it."""
