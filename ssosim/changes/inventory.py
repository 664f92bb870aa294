"""What is known to exist: endpoints with owner and flow, who owns which resource, which alerts watch what.

The core gap of the incident was a missing model of what is deployed (TMS9-039, TMS9-058, TMS9-090). Every check here
is a pure function of the inventory and of what is seen.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections import deque
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from ssosim.estate.toml import TomlMistakeError, convert_toml, format_mistake, read_text
from ssosim.estate.toml_lines import KeyPath

__all__ = [
    "Alert",
    "Endpoint",
    "Expected",
    "Inventory",
    "Repair",
    "Resource",
    "SeverityRule",
    "default_inventory",
    "load_inventory",
    "parse_inventory",
]

Shape = Literal["direct", "chain", "nodata", "nxdomain"]


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, unknown keys refused."""


class Expected(_Frozen, frozen=True, kw_only=True):
    """What a resolver should say to the question for addresses (TMS9-055).

    ``direct``: the records stand under the name asked, as an alias record set answers. ``chain``: CNAMEs lead to them,
    along exactly ``chain`` where that is given. ``addresses`` is checked where it is given.
    """

    type: Literal["A", "AAAA"] = "A"
    shape: Shape = "direct"
    chain: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Endpoint(_Frozen, frozen=True, kw_only=True):
    """A host name that something depends on.

    ``flow`` is core or opportunistic sign-in, or whatever the owners call it. ``https`` is the path of the HTTP check
    (empty: none), ``statuses`` what counts as alive.
    """

    name: str
    owner: str
    flow: str
    critical: bool = False
    in_use: bool = True
    expected: Expected = Expected()
    https: str = ""
    statuses: tuple[int, ...] = (200,)


class Resource(_Frozen, frozen=True, kw_only=True):
    """A traffic manager profile and its ownership tag. ``environment`` says where it is kept (TMS9-064)."""

    profile: str
    owner: str
    environment: str = "production"


class Alert(_Frozen, frozen=True, kw_only=True):
    """An alert rule and the endpoint that it watches; ``severity`` 1 is the worst."""

    name: str
    endpoint: str
    severity: int = 2


class Repair(_Frozen, frozen=True, kw_only=True):
    """Something that was promised after an incident, with the day by which (TMS9-096)."""

    title: str
    owner: str
    due: dt.date
    done: bool = False


class SeverityRule(_Frozen, frozen=True, kw_only=True):
    """Findings about names that ``match`` (a regular expression) have this severity."""

    match: str
    severity: int


class Inventory(_Frozen, frozen=True, kw_only=True):
    """All of it. ``scan_zones``: the zones that drift detection looks at; none named means all (TMS9-038).

    ``pages_at``: findings of this severity or worse (a lower number) wake somebody; the others go to a queue.
    ``check_every``: how often, in seconds, endpoints are to be checked from outside; 0 for only when asked (TMS9-091).
    ``incidents``: ids of the open ones; where any is given, an emergency change must name an open one.
    """

    endpoints: tuple[Endpoint, ...] = ()
    resources: tuple[Resource, ...] = ()
    alerts: tuple[Alert, ...] = ()
    severities: tuple[SeverityRule, ...] = ()
    default_severity: int = 4
    pages_at: int = 2
    scan_zones: tuple[str, ...] = ()
    check_every: int = 0
    incidents: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()

    def endpoint(self, name: str) -> Endpoint | None:
        """The entry of that name, whatever its case."""
        return self.by_name().get(name.lower().rstrip("."))

    def by_name(self) -> Mapping[str, Endpoint]:
        """The endpoints by their names in lower case; of two with one name the first."""
        for endpoints, found in tuple(_BY_NAME):
            if endpoints is self.endpoints:
                return found
        found = MappingProxyType({entry.name.lower(): entry for entry in reversed(self.endpoints)})
        _BY_NAME.append((self.endpoints, found))
        return found

    def owner_of(self, profile: str) -> str | None:
        """Who owns a traffic manager profile; None where the tag is missing."""
        return next((each.owner for each in self.resources if each.profile == profile and each.owner), None)

    def severity_of(self, name: str) -> int:
        """The severity of a finding about ``name``: that of a critical endpoint is 2 at most (TMS9-066)."""
        entry = self.endpoint(name)
        by_rule = next((rule.severity for rule in self.severities if re.search(rule.match, name)), None)
        severity = self.default_severity if by_rule is None else by_rule
        return min(severity, 2) if entry is not None and entry.critical else severity

    def unlisted(self, observed: Iterable[str]) -> tuple[str, ...]:
        """Names seen in query logs that the inventory does not have."""
        known = {entry.name.lower() for entry in self.endpoints}
        return tuple(sorted(name for name in observed if name not in known))

    def completeness(self, observed: Iterable[str]) -> float:
        """The share of observed names that the inventory knows, 0 to 1; 1 when nothing was observed (TMS9-058)."""
        seen = set(observed)
        return 1.0 if not seen else 1 - len(self.unlisted(seen)) / len(seen)

    def misnamed_alerts(self) -> tuple[tuple[Alert, str], ...]:
        """Alert rules that watch no name of the inventory, with the name that they may mean (TMS9-056)."""
        known = {entry.name.lower(): entry.name for entry in self.endpoints}
        wrong = [alert for alert in self.alerts if alert.endpoint.lower() not in known]
        close = [difflib.get_close_matches(alert.endpoint.lower(), known, n=1, cutoff=0.8) for alert in wrong]
        return tuple((alert, near[0] if near else "") for alert, near in zip(wrong, close, strict=True))


_BY_NAME: deque[tuple[tuple[Endpoint, ...], Mapping[str, Endpoint]]] = deque(maxlen=4)
"""``Inventory.by_name`` of the last few inventories: it is asked for every finding."""


def default_inventory() -> Inventory:
    """The inventory of the estate that is shipped."""
    text = resources.files("ssosim.changes").joinpath("contoso-inventory.toml").read_text(encoding="utf-8")
    return parse_inventory(text, "contoso-inventory.toml (built in)")


def load_inventory(path: Path) -> Inventory:
    """Read the user's own file; raises TomlMistakeError."""
    return parse_inventory(read_text(path), str(path))


def parse_inventory(text: str, source: str) -> Inventory:
    """Read an inventory from TOML; raises TomlMistakeError with file, line and key.

    That an alert names no endpoint is a finding of ``misnamed_alerts``, not a mistake of the file: an inventory must
    be readable to be linted.
    """
    inventory = convert_toml(text, source, Inventory)
    if mistakes := [format_mistake(text, source, path, what) for path, what in _mistakes(inventory)]:
        raise TomlMistakeError("\n".join(mistakes))
    return inventory


def _mistakes(inventory: Inventory) -> list[tuple[KeyPath, str]]:
    found: list[tuple[KeyPath, str]] = []
    seen: set[str] = set()
    for index, entry in enumerate(inventory.endpoints):
        name = entry.name.lower()
        if name in seen:
            found.append((("endpoints", index, "name"), f"{entry.name!r} is there twice"))
        seen.add(name)
        if not entry.owner.strip():
            found.append((("endpoints", index, "owner"), "is blank; expected a team or person who answers"))
        if entry.https and not entry.https.startswith("/"):
            found.append((("endpoints", index, "https"), "expected a path that begins with /"))
    if inventory.check_every < 0:
        found.append((("check_every",), "expected seconds, zero or more"))
    for index, rule in enumerate(inventory.severities):
        try:
            re.compile(rule.match)
        except re.error as error:
            found.append((("severities", index, "match"), f"not a regular expression: {error}"))
    return found
