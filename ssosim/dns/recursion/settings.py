"""What can be set on a resolver."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ResolverSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverSettings:
    """A resolver's settings; times are in seconds.

    ``forward_to`` are addresses of other resolvers: with any, this one asks them and walks no delegations.
    ``location`` is the network (``192.0.2.0/24``) that it names as its clients', in the EDNS client subnet option
    (RFC 7871); without one, authoritative servers see its own address. ``validate``: what is bogus is SERVFAIL, unless
    the query has the CD bit.

    Bounds: TTLs are kept within ``min_ttl`` and ``max_ttl``, negative ones below ``max_negative_ttl`` (RFC 2308
    section 5 advises one to three hours), failures for ``failure_ttl`` (at most five minutes, RFC 2308 section 7).
    ``max_asks`` is the work that one question may cause, ``max_entries`` the size of the cache.

    ``timeout`` is for one query to one server; each is asked up to ``rounds`` times, and those that failed last, for
    ``bad_server_ttl``.

    ``serve_stale`` (RFC 8767): when no fresh answer is to be had within ``client_timer``, one that expired not more
    than ``max_stale`` ago is given with TTL ``stale_ttl``; after a failure the next attempt waits ``failure_recheck``.
    """

    forward_to: tuple[str, ...] = ()
    location: str | None = None
    validate: bool = False
    min_ttl: int = 0
    max_ttl: int = 86_400
    max_negative_ttl: int = 3600
    failure_ttl: int = 5
    max_entries: int = 100_000
    max_asks: int = 64
    timeout: float = 1.0
    rounds: int = 2
    bad_server_ttl: int = 60
    randomise_case: bool = True
    serve_stale: bool = False
    client_timer: float = 1.8
    stale_ttl: int = 30
    max_stale: int = 86_400
    failure_recheck: int = 30
