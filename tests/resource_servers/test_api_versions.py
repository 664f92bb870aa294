"""Azure Resource Manager takes the versions of its API that exist."""

from __future__ import annotations

import pytest

from ssosim.resource_servers.arm_versions import is_published

from .conftest import NOW, Servers, error_of
from .estates import SHOP

ARM = "https://management.azure.com"


@pytest.mark.parametrize(
    "version", ["2021-03-01", "2023-02-01", "2025-04-02-preview", "2022-12-01-preview", "2031-01-01"]
)
@pytest.mark.parametrize("path", ["/subscriptions", SHOP, f"{SHOP}/providers/Microsoft.Resources/deployments/one"])
def test_a_version_that_was_never_published(servers: Servers, version: str, path: str) -> None:
    """400 with the list of those that exist."""
    servers.now = NOW if version != "2025-04-02-preview" else 1_740_000_000.0
    token = servers.token(nbf=1_730_000_000)
    reply = servers.ask("GET", f"{ARM}{path}?api-version={version}", token)
    assert (reply.status, error_of(reply)[0]) == (400, "InvalidApiVersionParameter")
    assert "The supported versions are '2026-06-01,2025-04-01,2025-03-01," in error_of(reply)[1]


@pytest.mark.parametrize("version", ["2016-06-01", "2021-04-01", "2022-12-01", "2025-04-01"])
def test_a_published_version_is_taken(servers: Servers, version: str) -> None:
    """The versions of the Azure SDK and the Azure CLI."""
    assert servers.ask("GET", f"{ARM}{SHOP}?api-version={version}", servers.token()).status == 200


def test_a_version_after_the_list_may_exist() -> None:
    """Newer than the list and not in the future: nobody here knows, so it is taken. Other providers have their own."""
    path = ("subscriptions", "x")
    assert is_published("2026-03-01", path, NOW)
    assert not is_published("2026-03-01", path, 1_740_000_000.0)
    assert is_published("2026-06-01", path, 1_600_000_000.0)  # azure-mgmt-resource 26 in a scenario of the past
    assert is_published("2021-03-01", (*path, "providers", "Microsoft.KeyVault", "vaults", "v"), NOW)
    assert not is_published("2021-03-01", (*path, "providers"), NOW)
