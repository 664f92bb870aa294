"""The settings of the identity provider in the control API: ``/v1/identity-provider``."""

from __future__ import annotations

from typing import Any, get_args

from ssosim.entra import Provider
from ssosim.estate import UncheckedRule
from ssosim.lab.base.errors import LabInputError
from ssosim.nearest import suggest_nearest

__all__ = ["SETTINGS", "UNCHECKED_RULES", "change_settings", "parse_rules", "show_settings"]

UNCHECKED_RULES: tuple[UncheckedRule, ...] = get_args(UncheckedRule)
"""The rules that can be switched off."""

SETTINGS = ("not_checked", "mutual_authentication")
"""The settings that a request may change."""


def show_settings(provider: Provider) -> dict[str, Any]:
    """Return the settings: ``not_checked`` are the rules that are switched off, ``rules`` all that can be."""
    return {
        "not_checked": sorted(provider.not_checked),
        "rules": list(UNCHECKED_RULES),
        "mutual_authentication": provider.mutual_authentication,
    }


def change_settings(provider: Provider, body: dict[str, Any]) -> dict[str, Any]:
    """Set those of ``SETTINGS`` that ``body`` has, from the next request on; return all. Raises LabInputError."""
    if not body:
        raise LabInputError(f"nothing to set; expected one of: {', '.join(SETTINGS)}")
    names, mutual = body.get("not_checked", sorted(provider.not_checked)), body.get("mutual_authentication")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LabInputError(f"not_checked: expected a list of {', '.join(UNCHECKED_RULES)}; [] checks everything")
    rules = frozenset(parse_rules(names))
    if "mutual_authentication" in body:
        if not isinstance(mutual, bool):
            raise LabInputError("mutual_authentication: expected true or false")
        provider.set_mutual_authentication(mutual)
    if "not_checked" in body:
        provider.set_not_checked(rules)
    return show_settings(provider)


def parse_rules(names: list[str]) -> tuple[UncheckedRule, ...]:
    """Return the rules with these names; raises LabInputError for an unknown one."""
    found: list[UncheckedRule] = []
    for name in names:
        rule = next((each for each in UNCHECKED_RULES if each == name), None)
        if rule is None:
            near = suggest_nearest(name, UNCHECKED_RULES)
            hint = f"{near} " if near else ""
            raise LabInputError(f"not_checked: there is no rule {name!r}; {hint}known: {', '.join(UNCHECKED_RULES)}")
        found.append(rule)
    return tuple(found)
