"""Responses of the control API about SPNs as typed models."""

from __future__ import annotations

from ssosim.lab.control.answers import ApiResponse

__all__ = ["NameShape", "SpnCandidate", "SpnRow", "Spns"]


class SpnCandidate(ApiResponse, frozen=True, kw_only=True):
    """An SPN that a client would request, and the KDC's response (``known``, ``unknown`` or an error)."""

    spn: str
    kdc: str


class SpnRow(ApiResponse, frozen=True, kw_only=True):
    """The SPNs that a rule forms for a host; ``problem`` is set if the client stops after DNS.

    ``outcomes`` are the SPNs in the order in which they are tried, one tuple for each possible outcome of ``chance``
    (empty if nothing is left to chance); ``candidates`` are all of them.

    ``waits_s``: how long the client waits for DNS and the KDC before it gets the first ticket or gives up, in seconds.

    ``clients`` are the client models that use the rule; the command adds them, because the lab does not know them.
    """

    rule: str
    family: str
    candidates: tuple[SpnCandidate, ...]
    outcomes: tuple[tuple[SpnCandidate, ...], ...]
    chance: str
    problem: str
    waits_s: float
    source: str
    clients: tuple[str, ...] = ()


class NameShape(ApiResponse, frozen=True, kw_only=True):
    """The address answer for a host: CNAME chain, addresses, and the PTR name of the first address."""

    problem: str
    canonical: str
    chain: tuple[str, ...]
    addresses: tuple[str, ...]
    reverse: str | None


class Spns(ApiResponse, frozen=True, kw_only=True):
    """The results of all rules for a host."""

    host: str
    dns: NameShape
    rules: tuple[SpnRow, ...]
