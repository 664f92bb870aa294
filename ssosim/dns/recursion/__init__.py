"""Recursive resolvers: a core without sockets, and the server round it."""

from ssosim.dns.recursion.cache import Cache, Entry
from ssosim.dns.recursion.core import Ask, Heard, Question, Resolution, Resolver, drive
from ssosim.dns.recursion.server import RecursiveServer, ResolverStats, Upstream
from ssosim.dns.recursion.settings import ResolverSettings

__all__ = [
    "Ask",
    "Cache",
    "Entry",
    "Heard",
    "Question",
    "RecursiveServer",
    "Resolution",
    "Resolver",
    "ResolverSettings",
    "ResolverStats",
    "Upstream",
    "drive",
]
