"""Trees of zone files for tests of ``ssosim dns check``: the clean-up of 25 February 2025 and variations of it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["geographic", "manager_toml", "write_tree"]

SSO = "microsoftazuread-sso.com"


def manager_toml(endpoints: str, settings: str = "", alias: bool = True) -> str:
    """The file with the traffic manager profile, and the alias that leads to it."""
    text = f"""
[[traffic_managers]]
name = "aadg-autologon"
dns_name = "www.tm.a.prd.aadg.trafficmanager.net"
endpoints = [{endpoints}]
{settings}
"""
    if alias:
        text += f'[[aliases]]\nname = "autologon.{SSO}"\nprofile = "aadg-autologon"\n'
    return text


def geographic(europe: str, america: str, more: str = "") -> str:
    """A profile that answers Europe and North America with these addresses; ``more`` are settings of the latter."""
    first = f'{{ name = "eu", address = "{europe}", regions = ["GEO-EU"] }}'
    second = f'{{ name = "na", address = "{america}", regions = ["GEO-NA"]{more} }}'
    return manager_toml(f"{first}, {second}", 'routing = "geographic"')


def write_tree(folder: Path, extras: str = "", **zones: str) -> Path:
    """Write zone files (``sso``, ``net`` and others by their names with ``_`` for dots) and ``ssosim.toml``.

    The zones of the profile and its alias are written if there are ``extras``, or records of theirs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    head = "$TTL 300\n@ NS ns1.lab.invalid.\n"
    own = {SSO: zones.pop("sso", ""), "trafficmanager.net": zones.pop("net", "")}
    files = {name: text for name, text in own.items() if extras or text}
    files |= {name.replace("__", "-").replace("_", "."): text for name, text in zones.items()}
    for name, text in files.items():
        (folder / f"{name}.zone").write_text(head + text, encoding="utf-8")
    if extras:
        (folder / "ssosim.toml").write_text(extras, encoding="utf-8")
    return folder
