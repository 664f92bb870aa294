"""The clouds of the provider that every instance knows, with the aliases of their login hosts.

Source: recordings of ``discovery/instance`` in the tests of azure-sdk-for-js (2021 to 2023), in this order. The three
sovereign clouds at the end are from MSAL.NET KnownMetadataProvider.cs; that the service lists them is unconfirmed.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ssosim.estate import Cloud

__all__ = ["KNOWN_CLOUDS", "LoginHosts", "list_login_hosts"]


class LoginHosts(Struct, frozen=True):
    """The login hosts of one cloud. The first is the preferred one; ``cache`` is the name in caches of tokens."""

    hosts: tuple[str, ...]
    cache: str

    def to_metadata(self) -> dict[str, object]:
        """Return the entry of the instance discovery document."""
        return {"preferred_network": self.hosts[0], "preferred_cache": self.cache, "aliases": list(self.hosts)}


_OLD_CACHE_NAME = "login.windows.net"
KNOWN_CLOUDS = (
    LoginHosts(
        ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"), _OLD_CACHE_NAME
    ),
    LoginHosts(("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"), "login.partner.microsoftonline.cn"),
    LoginHosts(("login.microsoftonline.de",), "login.microsoftonline.de"),
    LoginHosts(("login.microsoftonline.us", "login.usgovcloudapi.net"), "login.microsoftonline.us"),
    LoginHosts(("login-us.microsoftonline.com",), "login-us.microsoftonline.com"),
    *(LoginHosts((name,), name) for name in (f"login.sovcloud-identity.{end}" for end in ("fr", "de", "sg"))),
)
"""The known clouds, the public one first."""


def list_login_hosts(clouds: Sequence[Cloud]) -> tuple[LoginHosts, ...]:
    """Return the clouds of the lab, then the known clouds that share no host with them."""
    own = tuple(_read_hosts(cloud) for cloud in clouds)
    taken = {host for each in own for host in each.hosts}
    return (*own, *(each for each in KNOWN_CLOUDS if not taken & set(each.hosts)))


def _read_hosts(cloud: Cloud) -> LoginHosts:
    hosts = tuple(name.lower() for name in cloud.login_hosts)
    return LoginHosts(hosts, _OLD_CACHE_NAME if _OLD_CACHE_NAME in hosts else hosts[0])
