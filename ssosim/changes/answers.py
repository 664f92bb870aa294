"""What resolvers are told about the names that a change touches, before and after it.

The records of a name do not decide its answers alone: a wildcard, a delegation or a new zone may answer for it (RFC
4592, RFC 1034 section 4.3.2). So the answers are compared, by the function that the DNS servers use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dns.name import Name
from dns.rdatatype import AAAA, MX, SOA, A, RdataType
from msgspec import Struct

from ssosim.changes.diff import Delta, Kind
from ssosim.dns.zones.answer import Answer, answer
from ssosim.dns.zones.rrset import plain
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["AnswerChange", "compare_answers", "content_of"]

MAX_NAMES = 2_000
"""The most names whose answers are compared: a change of more names is judged by its records."""

_ASKED = (A, AAAA, MX)


class AnswerChange(Struct, frozen=True):
    """The answers to one question. ``kind`` says what the change does to the records of that name and type itself."""

    name: Name
    type: RdataType
    before: Answer
    after: Answer
    kind: Kind | None

    @property
    def same(self) -> bool:
        """Whether clients are told the same, apart from TTLs."""
        return content_of(self.before) == content_of(self.after)

    @property
    def lost(self) -> bool:
        """Whether there was an answer before and there is none after."""
        return self.before.outcome == "NOERROR" != self.after.outcome

    @property
    def delegated(self) -> bool:
        """Whether servers of another zone answer after the change, which was answered here before."""
        return self.after.outcome == "REFERRAL" != self.before.outcome

    @property
    def text(self) -> str:
        """The question, for messages."""
        return f"{plain(self.name)} {RdataType.to_text(self.type)}"


def compare_answers(before: ZoneSet, after: ZoneSet, delta: Delta) -> tuple[AnswerChange, ...]:
    """The answers to the questions that ``delta`` is about; empty for a change of more than ``MAX_NAMES`` names."""
    kinds = {(each.name, each.type): each.kind for each in delta.records}
    if len(delta.names) > MAX_NAMES:
        return ()
    questions = dict.fromkeys((*kinds, *_address_questions(delta.names)))
    return tuple(
        AnswerChange(name, kind, answer(before, name, kind), answer(after, name, kind), kinds.get((name, kind)))
        for name, kind in questions
        if kind != SOA
    )


def content_of(answered: Answer) -> tuple[object, ...]:
    """What a client learns from an answer, without TTLs: the outcome, the chain in its order, a referral's servers."""
    shown = (*answered.answer, *(answered.authority if answered.is_referral else ()))
    return answered.outcome, tuple((rrset.name, rrset.type, rrset.content) for rrset in shown)


def _address_questions(names: Iterable[Name]) -> Iterator[tuple[Name, RdataType]]:
    for name in names:
        if not name.is_wild():
            yield from ((name, kind) for kind in _ASKED)
