"""Recursive resolvers: a core without sockets, and a server that runs it over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssosim.late_imports import import_late

if TYPE_CHECKING:
    from ssosim.dns.recursion.cache import Cache, Entry
    from ssosim.dns.recursion.core import (
        Question,
        Resolution,
        Resolver,
        UpstreamQuery,
        UpstreamResponse,
        run_resolution,
    )
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

_MODULES = {
    "Cache": "cache",
    "Entry": "cache",
    "Question": "core",
    "Resolution": "core",
    "Resolver": "core",
    "UpstreamQuery": "core",
    "UpstreamResponse": "core",
    "run_resolution": "core",
    "RecursiveServer": "server",
    "ResolverStats": "server",
    "Upstream": "server",
    "ResolverSettings": "settings",
}
"""The module of each name. It is imported when the name is used: together they take longer than a small check."""

__getattr__ = import_late(__name__, _MODULES)
