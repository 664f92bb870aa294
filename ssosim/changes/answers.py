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
from ssosim.estate import TrafficManager

__all__ = ["ASKED", "AnswerChange", "ask_both", "compare_answers", "content_of", "may_answer", "serves"]

MAX_NAMES = 2_000
"""The most names whose answers are compared: a change of more names is judged by its records."""

ASKED = (A, AAAA, MX)
"""The types that are asked for each name of a change, whatever its records are."""


class AnswerChange(Struct, frozen=True):
    """The answers to one question. ``kind`` says what the change does to the records of that name and type itself.

    ``was_answered`` and ``is_answered``: whether somebody gets records, before and after (``may_answer``).
    ``routed_alike``: whether profiles that answer by place, if there are any, answer everybody as before.
    """

    name: Name
    type: RdataType
    before: Answer
    after: Answer
    kind: Kind | None
    was_answered: bool
    is_answered: bool
    routed_alike: bool = True

    @property
    def same(self) -> bool:
        """Whether clients are told the same, apart from TTLs."""
        return self.routed_alike and content_of(self.before) == content_of(self.after)

    @property
    def lost(self) -> bool:
        """Whether there was an answer before and there is none after."""
        return self.was_answered and not self.is_answered

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
        ask_both(before, after, name, kind, kinds.get((name, kind))) for name, kind in questions if kind != SOA
    )


def ask_both(before: ZoneSet, after: ZoneSet, name: Name, rdtype: RdataType, kind: Kind | None = None) -> AnswerChange:
    """The answers to one question, as somebody gets them whose place is not known."""
    was, now = answer(before, name, rdtype), answer(after, name, rdtype)
    routed_alike = _routes(before, was) == _routes(after, now)
    return AnswerChange(name, rdtype, was, now, kind, may_answer(before, was), may_answer(after, now), routed_alike)


def may_answer(zones: ZoneSet, found: Answer) -> bool:
    """Whether somebody gets records: a profile that routes by place may have none for the one who asked."""
    if found.outcome == "NOERROR":
        return True
    return any(
        routed.by_location and serves(zones.profiles[routed.profiles[-1]], found.type)
        for routed in found.routing_results
    )


def serves(profile: TrafficManager, rdtype: RdataType) -> bool:
    """Whether the profile has records of that type for somebody, if all of its endpoints are well."""
    return profile.enabled and any(
        endpoint.enabled and (endpoint.address is None or (":" in endpoint.address) is (rdtype == AAAA))
        for endpoint in profile.endpoints
    )


def _routes(zones: ZoneSet, found: Answer) -> list[object]:
    """What decides an answer by place: who has another place gets another answer if it differs."""
    return [
        (
            profile.routing,
            profile.enabled,
            {(each.address, each.target, each.profile, each.enabled, each.regions, each.subnets) for each in endpoints},
        )
        for routed in found.routing_results
        if routed.by_location
        for profile in (zones.profiles[name] for name in routed.profiles)
        for endpoints in [profile.endpoints]
    ]


def content_of(answered: Answer) -> tuple[object, ...]:
    """What a client learns from an answer, without TTLs: the outcome, the chain in its order, a referral's servers."""
    shown = (*answered.answer, *(answered.authority if answered.is_referral else ()))
    return answered.outcome, tuple((rrset.name, rrset.type, rrset.content) for rrset in shown)


def _address_questions(names: Iterable[Name]) -> Iterator[tuple[Name, RdataType]]:
    for name in names:
        if not name.is_wild():
            yield from ((name, kind) for kind in ASKED)
