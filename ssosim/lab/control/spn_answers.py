"""What the control API answers about SPNs, as models."""

from __future__ import annotations

from ssosim.lab.control.answers import ApiResponse

__all__ = ["NameShape", "SpnCandidate", "SpnRow", "Spns"]


class SpnCandidate(ApiResponse, frozen=True, kw_only=True):
    """An SPN that a client would ask for, and what the KDC says to it."""

    spn: str
    kdc: str


class SpnRow(ApiResponse, frozen=True, kw_only=True):
    """What a rule makes of a host; ``problem`` where it gets no further than DNS.

    ``outcomes`` are the SPNs in the order in which they are tried, one tuple for each way that ``chance`` (empty for
    none) may decide; ``candidates`` are all of them.

    ``clients`` are the models that use the rule; the command knows them, not the lab.
    """

    rule: str
    family: str
    candidates: tuple[SpnCandidate, ...]
    outcomes: tuple[tuple[SpnCandidate, ...], ...]
    chance: str
    problem: str
    source: str
    clients: tuple[str, ...] = ()


class NameShape(ApiResponse, frozen=True, kw_only=True):
    """The address answer for a host: names on the way, addresses, and the name that the first of them leads back to."""

    problem: str
    canonical: str
    chain: tuple[str, ...]
    addresses: tuple[str, ...]
    reverse: str | None


class Spns(ApiResponse, frozen=True, kw_only=True):
    """All rules for a host."""

    host: str
    dns: NameShape
    rules: tuple[SpnRow, ...]
