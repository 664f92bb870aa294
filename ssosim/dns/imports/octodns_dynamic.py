"""Dynamic records of octoDNS as traffic manager profiles, where these can express them.

One pool of several values is a profile of weighted routing; a pool with fallbacks, each of one value, one of priority
routing; rules by ``geos`` one of geographic routing, rules by ``subnets`` one of subnet routing. Health checks are not
read: every value is healthy, except those with ``status: down``. Source: octoDNS documentation, dynamic records.

What has no equal is a mistake: pools that would be nested profiles, since an alias record set of type A has none (Azure
DNS documentation of alias record sets); rules by both; the continents Asia and Oceania, which Traffic Manager divides
otherwise; CNAME records, whose answer would show the name of the profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from dns.name import Name

from ssosim.dns.imports.traffic_manager_json import make_endpoint
from ssosim.dns.imports.yaml_nodes import Value
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain
from ssosim.estate import TrafficManager

__all__ = ["make_dynamic_profile"]

SUFFIX = "octodns-dynamic.invalid"
"""The DNS names of the profiles are below it; no record leads there."""

_CONTINENTS = {"AF": "GEO-AF", "EU": "GEO-EU", "NA": "GEO-NA", "SA": "GEO-SA"}


def make_dynamic_profile(name: Name, kind: str, ttl: int, dynamic: Value) -> TrafficManager:
    """The profile of one dynamic record.

    Raises DnsChangeError for a record that traffic manager profiles cannot express.
    """
    pools, rules = dynamic.get("pools"), dynamic.get("rules")
    if kind not in ("A", "AAAA") or pools is None or not isinstance(pools.content, dict) or rules is None:
        raise DnsChangeError("dynamic is not supported here: expected pools and rules of an A or AAAA record")
    maker = _Maker(plain(name).replace("*", "wildcard"), kind.lower(), ttl, pools.content)
    return maker.make(rules.items)


class _Maker:
    def __init__(self, name: str, kind: str, ttl: int, pools: dict[str, Value]) -> None:
        self._base = f"{name}.{kind}.{SUFFIX}"
        self._label = f"{name} {kind.upper()}"
        self._ttl = ttl
        self._pools = pools

    def make(self, rules: list[Value]) -> TrafficManager:
        by_geo = any(rule.get("geos") is not None for rule in rules)
        by_subnet = any(rule.get("subnets") is not None for rule in rules)
        if by_geo and by_subnet:
            raise DnsChangeError("dynamic is not supported with rules by geos and by subnets: a profile has one method")
        if not rules or not (by_geo or by_subnet):
            return self._of_one_rule(rules)
        endpoints = []
        for number, rule in enumerate(rules):
            pool = _pool_of(rule)
            values = _list(self._pool(pool), "values")
            if len(values) != 1 or self._pool(pool).get("fallback") is not None:
                raise DnsChangeError(
                    f"dynamic is not supported: pool {pool} of a rule by place has a fallback or several values, "
                    "which an alias record set cannot have"
                )
            place = {"regions": tuple(_region(each.text or "") for each in _list(rule, "geos")) or ("WORLD",)}
            if by_subnet:
                place = {"subnets": tuple(each.text or "" for each in _list(rule, "subnets"))}
            endpoints.append(self._value(f"rule-{number + 1}", values[0]) | place)
        return self._profile("geographic" if by_geo else "subnet", endpoints)

    def _of_one_rule(self, rules: list[Value]) -> TrafficManager:
        if len(rules) != 1:
            raise DnsChangeError(f"dynamic: expected one rule without geos and subnets, not {len(rules)}")
        pools = [*self._chain(_pool_of(rules[0]))]
        values = [(pool, _list(self._pool(pool), "values")) for pool in pools]
        if len(pools) == 1:
            [(pool, several)] = values
            endpoints = [self._value(f"{pool}-{number + 1}", value) for number, value in enumerate(several)]
            return self._profile("weighted", endpoints)
        if any(len(each) != 1 for _, each in values):
            raise DnsChangeError(
                "dynamic is not supported: a pool has several values beside a fallback, which an alias record set "
                "cannot have"
            )
        return self._profile(
            "priority", [self._value(pool, each[0]) | {"priority": rank} for rank, (pool, each) in enumerate(values, 1)]
        )

    def _chain(self, pool: str) -> Iterator[str]:
        """The pool and its fallbacks, in their order."""
        seen: list[str] = []
        following: str | None = pool
        while following is not None:
            if following in seen:
                raise DnsChangeError(f"dynamic: the pools {' > '.join([*seen, following])} fall back in a loop")
            seen.append(following)
            yield following
            fallback = self._pool(following).get("fallback")
            following = None if fallback is None else fallback.text

    def _value(self, name: str, value: Value) -> dict[str, Any]:
        address, weight, status = (value.get(key) for key in ("value", "weight", "status"))
        if address is None or not address.text:
            raise DnsChangeError(f"dynamic: a value of {name} has no address: expected value: ADDRESS")
        try:
            number = int(weight.text or "") if weight is not None else 1
        except ValueError as error:
            raise DnsChangeError(f"dynamic: weight of {name}: expected a number") from error
        is_up = status is None or status.text != "down"
        endpoint = make_endpoint(name, address.text, weight=number, enabled=is_up)
        if "address" not in endpoint:
            raise DnsChangeError(f"dynamic: {address.text!r} is no address")
        return endpoint

    def _pool(self, name: str) -> Value:
        if name not in self._pools:
            raise DnsChangeError(f"dynamic: there is no pool {name!r}; there are: {', '.join(self._pools) or 'none'}")
        return self._pools[name]

    def _profile(self, routing: str, endpoints: list[dict[str, Any]]) -> TrafficManager:
        data = {
            "name": self._label,
            "dns_name": self._base,
            "ttl": self._ttl,
            "routing": routing,
            "endpoints": endpoints,
            "owner": "octoDNS",
        }
        try:
            return msgspec.convert(data, TrafficManager)
        except msgspec.ValidationError as error:
            raise DnsChangeError(f"dynamic: {error}") from error


def _pool_of(rule: Value) -> str:
    pool = rule.get("pool")
    if pool is None or not pool.text:
        raise DnsChangeError("dynamic: a rule has no pool")
    return pool.text


def _list(value: Value, key: str) -> list[Value]:
    found = value.get(key)
    return [] if found is None else found.items


def _region(geo: str) -> str:
    """The region of Traffic Manager of a geo of octoDNS: ``EU``, ``EU-GB``, ``NA-US-CA``. Raises DnsChangeError."""
    continent, _, rest = geo.partition("-")
    if rest:
        return rest
    if continent not in _CONTINENTS:
        known = ", ".join(_CONTINENTS)
        raise DnsChangeError(f"dynamic: geo {geo!r} has no equal region: known are {known}, countries and US states")
    return _CONTINENTS[continent]
