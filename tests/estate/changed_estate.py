"""The shipped estate ``contoso-azure``, which is without mistakes, with a change, and what is said about it then."""

from __future__ import annotations

import copy
import functools
import tomllib
from collections.abc import Callable
from typing import Any

import msgspec

from ssosim.estate.checks import find_mistakes
from ssosim.estate.loader import shipped_estate_text
from ssosim.estate.model import Estate
from ssosim.estate.toml_lines import render_path

__all__ = ["DELEGATION", "KDC_B", "PROXY", "REALM", "SAMBA", "Data", "again", "both", "mistakes", "put", "two_realms"]

Data = dict[str, Any]


@functools.cache
def _shipped() -> Data:
    return tomllib.loads(shipped_estate_text("contoso-azure"))


def mistakes(change: Callable[[Data], object]) -> dict[str, str]:
    """Return what is said about the estate after ``change``: the texts, joined, by the key path."""
    data = copy.deepcopy(_shipped())
    change(data)
    found: dict[str, str] = {}
    for each in find_mistakes(msgspec.convert(data, Estate)):
        path = render_path(each.path)
        found[path] = f"{found[path]}; {each.text}" if path in found else each.text
    return found


def put(path: str, value: Any) -> Callable[[Data], None]:
    """Return a change that sets the key at ``path``; ``+`` adds an entry to a list, which may not be there yet."""

    def change(data: Data) -> None:
        *parents, last = path.split(".")
        at: Any = data
        for part in parents:
            at = (
                at[int(part)]
                if part.isdigit()
                else at.setdefault(part, [] if last == "+" and part == parents[-1] else {})
            )
        if last == "+":
            at.append(copy.deepcopy(value))
        else:
            at[int(last) if last.isdigit() else last] = copy.deepcopy(value)

    return change


def again(section: str, **changed: Any) -> Callable[[Data], None]:
    """Return a change that repeats the first entry of a section, with other values for some keys."""
    return lambda data: data[section].append(copy.deepcopy(data[section][0]) | changed)


def both(*changes: Callable[[Data], object]) -> Callable[[Data], None]:
    """Return a change that makes several, in their order."""

    def change(data: Data) -> None:
        for each in changes:
            each(data)

    return change


REALM = {"name": "B.TEST", "domain": "b.test", "service_account": {"name": "SSO$", "spns": []}}
KDC_B = {"name": "dc.b", "address": "10.20.0.88", "services": ["kdc"], "realm": "B.TEST"}
DELEGATION = {"service": "HTTP/sts.fabrikam.com", "allowed_to_delegate_to": ["HTTP/intranet.corp.contoso.com"]}
PROXY = {"name": "proxy", "address": "192.0.2.99", "services": ["kdc-proxy"]}
SAMBA = put("realms.0.directory", "samba")
two_realms = both(put("realms.+", REALM), put("hosts.+", KDC_B))
