"""Recursive resolvers: a core without sockets, and a server that runs it over real sockets."""

from ssosim.dns.recursion.cache import Cache, Entry
from ssosim.dns.recursion.core import Question, Resolution, Resolver, UpstreamQuery, UpstreamResponse, run_resolution
from ssosim.dns.recursion.server import RecursiveServer, ResolverStats, Upstream
from ssosim.dns.recursion.settings import ResolverSettings

__all__ = [
    "Cache",
    "Entry",
    "Question",
    "RecursiveServer",
    "Resolution",
    "Resolver",
    "ResolverSettings",
    "ResolverStats",
    "Upstream",
    "UpstreamQuery",
    "UpstreamResponse",
    "run_resolution",
]
