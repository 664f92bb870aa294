"""The inventory: endpoints with owner and flow, owners of resources, and the alert rules of endpoints.

The main gap of the incident was a missing model of what is deployed (TMS9-039, TMS9-058, TMS9-090). Every check here
is a pure function of the inventory and of observations.
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
from msgspec.structs import force_setattr

from ssosim.estate import Estate, default_estate
from ssosim.estate.toml import TomlMistakeError, convert_toml, format_mistake, read_text
from ssosim.estate.toml_lines import KeyPath
from ssosim.services import complete_estate, http_host_names

__all__ = [
    "Alert",
    "Endpoint",
    "ExpectedAnswer",
    "Inventory",
    "Repair",
    "Resource",
    "SeverityRule",
    "default_inventory",
    "load_inventory",
    "make_inventory",
    "parse_inventory",
]

Shape = Literal["direct", "chain", "nodata", "nxdomain"]


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, unknown keys refused."""


class ExpectedAnswer(_Frozen, frozen=True, kw_only=True):
    """The answer that a resolver should give to an address query (TMS9-055).

    ``direct``: the records have the queried name, as an alias record set answers. ``chain``: CNAMEs lead to them,
    along exactly ``chain`` if that is given. ``addresses`` are compared if they are given.
    """

    type: Literal["A", "AAAA"] = "A"
    shape: Shape = "direct"
    chain: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take names with or without the dot at their end."""
        force_setattr(self, "chain", tuple(name.rstrip(".") for name in self.chain))


_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


class Endpoint(_Frozen, frozen=True, kw_only=True):
    """A host name that something depends on.

    ``flow`` is core or opportunistic sign-in, or another word of the owners. ``https`` is the path of the HTTPS check
    (empty: no check); ``statuses`` are the HTTP status codes that pass it.
    """

    name: str
    owner: str
    flow: str
    critical: bool = False
    in_use: bool = True
    expected: ExpectedAnswer = ExpectedAnswer()
    https: str = ""
    statuses: tuple[int, ...] = (200,)

    def __post_init__(self) -> None:
        """Take the name with or without the dot at its end: no other one would be found by it."""
        force_setattr(self, "name", self.name.rstrip("."))


class Resource(_Frozen, frozen=True, kw_only=True):
    """A traffic manager profile and its ownership tag. ``environment`` is where it is deployed (TMS9-064)."""

    profile: str
    owner: str
    environment: str = "production"


class Alert(_Frozen, frozen=True, kw_only=True):
    """An alert rule and the endpoint that it watches; ``severity`` 1 is the worst."""

    name: str
    endpoint: str
    severity: int = 2

    def __post_init__(self) -> None:
        """Take the endpoint with or without the dot at its end."""
        force_setattr(self, "endpoint", self.endpoint.rstrip("."))


class Repair(_Frozen, frozen=True, kw_only=True):
    """A repair item of an incident, with its due day (TMS9-096)."""

    title: str
    owner: str
    due: dt.date
    done: bool = False


class SeverityRule(_Frozen, frozen=True, kw_only=True):
    """The severity of findings about names that match the regular expression ``match``."""

    match: str
    severity: int


class Inventory(_Frozen, frozen=True, kw_only=True):
    """The whole inventory. ``scan_zones``: the zones that drift detection examines; empty means all (TMS9-038).

    ``pages_at``: findings of this severity or worse (a lower number) page the operator on call; others go to a queue.
    ``check_every``: seconds between checks of the endpoints from outside; 0 means only on request (TMS9-091).
    ``incidents``: ids of the open incidents; if any is given, an emergency change must name one of them.
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
        """The endpoint with that name, in any case of letters; None if the inventory has none."""
        return self.by_name().get(name.lower().rstrip("."))

    def by_name(self) -> Mapping[str, Endpoint]:
        """The endpoints by name in lower case; if two have the same name, the first one."""
        for endpoints, found in tuple(_BY_NAME):
            if endpoints is self.endpoints:
                return found
        found = MappingProxyType({entry.name.lower(): entry for entry in reversed(self.endpoints)})
        _BY_NAME.append((self.endpoints, found))
        return found

    def owner_of(self, profile: str) -> str | None:
        """The owner of a traffic manager profile; None if the ownership tag is missing."""
        return next((each.owner for each in self.resources if each.profile == profile and each.owner), None)

    def severity_of(self, name: str) -> int:
        """The severity of a finding about ``name``: that of a critical endpoint is 2 at most (TMS9-066)."""
        entry = self.endpoint(name)
        by_rule = next((rule.severity for rule in self.severities if re.search(rule.match, name)), None)
        severity = self.default_severity if by_rule is None else by_rule
        return min(severity, 2) if entry is not None and entry.critical else severity

    def find_unlisted(self, observed: Iterable[str]) -> tuple[str, ...]:
        """The names of ``observed`` (from query counts) that the inventory does not list, sorted."""
        known = {entry.name.lower() for entry in self.endpoints}
        return tuple(sorted(name for name in observed if name not in known))

    def completeness(self, observed: Iterable[str]) -> float | None:
        """The share, 0 to 1, of observed names that the inventory lists; None if nothing was observed (TMS9-058)."""
        seen = set(observed)
        return None if not seen else 1 - len(self.find_unlisted(seen)) / len(seen)

    def find_misnamed_alerts(self) -> tuple[tuple[Alert, str], ...]:
        """Alert rules whose endpoint is not in the inventory, each with the most similar name or "" (TMS9-056)."""
        known = {entry.name.lower(): entry.name for entry in self.endpoints}
        wrong = [alert for alert in self.alerts if alert.endpoint.lower() not in known]
        close = [difflib.get_close_matches(alert.endpoint.lower(), known, n=1, cutoff=0.8) for alert in wrong]
        return tuple((alert, near[0] if near else "") for alert, near in zip(wrong, close, strict=True))


_BY_NAME: deque[tuple[tuple[Endpoint, ...], Mapping[str, Endpoint]]] = deque(maxlen=4)
"""Cache of ``Inventory.by_name`` for the last few inventories: it is called for every finding."""


def default_inventory() -> Inventory:
    """The inventory of the built-in estate."""
    text = resources.files("ssosim.changes").joinpath("contoso-inventory.toml").read_text(encoding="utf-8")
    return parse_inventory(text, "contoso-inventory.toml (built in)")


def make_inventory(estate: Estate) -> Inventory:
    """The built-in inventory for the built-in estate; for another estate, its HTTPS names with unknown owners.

    An estate that was made from the built-in one may still have its name: all of its content is compared.
    """
    if estate in (default_estate(), complete_estate(default_estate())):
        return default_inventory()
    names = http_host_names(estate, tls=True)
    return Inventory(endpoints=tuple(Endpoint(name=name, owner="(unknown)", flow="sign-in") for name in names))


def load_inventory(path: Path) -> Inventory:
    """Read an inventory file; raises TomlMistakeError."""
    return parse_inventory(read_text(path), str(path))


def parse_inventory(text: str, source: str) -> Inventory:
    """Read an inventory from TOML; raises TomlMistakeError with file, line and key.

    An alert without an endpoint is a finding of ``find_misnamed_alerts``, not an error of the file: the check needs a
    readable inventory.
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
            found.append((("endpoints", index, "name"), f"{entry.name!r} is listed twice"))
        seen.add(name)
        if not _HOST.fullmatch(name):
            what = f"{entry.name!r} is no host name, so nothing could match it: no scheme, port or path; IDN as xn--"
            found.append((("endpoints", index, "name"), what))
        if not entry.owner.strip():
            found.append((("endpoints", index, "owner"), "is blank; expected the responsible team or person"))
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
