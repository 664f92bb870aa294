"""A traffic manager profile as text, and the fields in which two states of a profile differ."""

from __future__ import annotations

from typing import Any

import msgspec

from ssosim.estate import TrafficManager, TrafficManagerEndpoint

__all__ = ["describe_profile", "list_profile_changes"]

_WHERE = ("address", "target", "profile")
_ENDPOINT_DEFAULTS: dict[str, Any] = msgspec.to_builtins(TrafficManagerEndpoint(name=""))


def describe_profile(profile: TrafficManager) -> str:
    """A profile as text: its DNS name, its endpoints with every setting that is not the default, its other settings."""
    data = msgspec.to_builtins(profile)
    endpoints = ", ".join(_describe_endpoint(each) for each in data.pop("endpoints")) or "none"
    del data["name"], data["dns_name"]
    rest = ", ".join(f"{key} {_value(value)}" for key, value in data.items() if value not in (None, [], {}, ""))
    return f"{profile.dns_name}: endpoints {endpoints}; {rest}"


def list_profile_changes(before: TrafficManager | None, after: TrafficManager | None) -> tuple[str, ...]:
    """A line for each field that differs, of the profile and of each endpoint. Empty unless both states exist."""
    if before is None or after is None:
        return ()
    was, now = msgspec.to_builtins(before), msgspec.to_builtins(after)
    old = {each["name"]: each for each in was.pop("endpoints")}
    new = {each["name"]: each for each in now.pop("endpoints")}
    lines = [f"{key} {_value(was[key])} → {_value(now[key])}" for key in was if was[key] != now[key]]
    for name, endpoint in old.items():
        if name not in new:
            lines.append(f"endpoint {name}: removed ({_describe_endpoint(endpoint)})")
            continue
        lines += [
            f"endpoint {name}: {key} {_value(endpoint[key])} → {_value(new[name][key])}"
            for key in endpoint
            if endpoint[key] != new[name][key]
        ]
    lines += [f"endpoint {name}: added ({_describe_endpoint(new[name])})" for name in new if name not in old]
    kept = [name for name in new if name in old]
    if kept != [name for name in old if name in new]:
        lines.append(f"order of the endpoints → {', '.join(kept)}")
    return tuple(lines)


def _describe_endpoint(data: dict[str, Any]) -> str:
    where = next((data[key] for key in _WHERE if data.get(key)), "?")
    settings = [
        "disabled" if key == "enabled" else f"{key} {_value(value)}"
        for key, value in data.items()
        if key not in ("name", *_WHERE) and value != _ENDPOINT_DEFAULTS[key]
    ]
    noted = ", ".join(settings)
    return f"{data['name']} {where} ({noted})" if noted else f"{data['name']} {where}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "+".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items() if each is not None) or "none"
    return "none" if value in (None, "") else str(value)
