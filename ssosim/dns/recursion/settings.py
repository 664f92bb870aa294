"""The settings of a resolver."""

from __future__ import annotations

from msgspec import Struct

from ssosim.dns.zones.answer import MAX_CHAIN

__all__ = ["ResolverSettings"]


class ResolverSettings(Struct, frozen=True, kw_only=True):
    """The settings of a resolver; times are in seconds.

    ``forward_to`` are addresses of other resolvers. If there are any, this resolver sends all queries to them and
    follows no delegations. ``location`` is the network (``192.0.2.0/24``) that it sends as the network of its clients,
    in the EDNS client subnet option (RFC 7871); without it, authoritative servers see the address of the resolver.
    ``validate``: data that fail validation give SERVFAIL, unless the query has the CD bit.

    TTLs are limited to the range from ``min_ttl`` to ``max_ttl``, negative TTLs to ``max_negative_ttl`` (RFC 2308
    section 5 advises one to three hours). Failures are cached for ``failure_ttl`` (at most five minutes, RFC 2308
    section 7). ``max_queries`` is the most upstream queries for one question, ``max_entries`` the size of the cache.
    ``max_query_restarts`` is the most CNAMEs in a chain, as BIND and unbound call it; a longer one is SERVFAIL.

    ``timeout`` applies to one query to one server. Each server is queried up to ``rounds`` times. A server that failed
    is tried last for ``bad_server_ttl``.

    ``serve_stale`` (RFC 8767): if no fresh answer comes within ``client_timer``, the resolver answers from an entry
    that expired at most ``max_stale`` ago, with TTL ``stale_ttl``. After a failure it waits ``failure_recheck`` before
    the next attempt.
    """

    forward_to: tuple[str, ...] = ()
    location: str | None = None
    validate: bool = False
    min_ttl: int = 0
    max_ttl: int = 86_400
    max_negative_ttl: int = 3600
    failure_ttl: int = 5
    max_entries: int = 100_000
    max_queries: int = 64
    max_query_restarts: int = MAX_CHAIN
    timeout: float = 1.0
    rounds: int = 2
    bad_server_ttl: int = 60
    randomise_case: bool = True
    serve_stale: bool = False
    client_timer: float = 1.8
    stale_ttl: int = 30
    max_stale: int = 86_400
    failure_recheck: int = 30
