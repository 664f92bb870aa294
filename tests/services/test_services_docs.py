"""The manual of services is true: its package, its entry points and its hosts, in a lab."""

import re
import sys
import tomllib
from base64 import b64encode
from pathlib import Path

from conftest_services import TEXT, install

from ssosim.estate import SHIPPED_SERVICES, parse_estate
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import WallClock, model_device

PAGE = (Path(__file__).parents[2] / "docs" / "services.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def test_the_manuals_services_answer(tmp_path, monkeypatch):
    """The two services of the page, as they stand there, answer a model's device at the page's names and ports."""
    [module] = blocks("python")
    _, _, points, hosts = blocks("toml")
    names = tomllib.loads(points)["project"]["entry-points"]["ssosim.services"]
    install(tmp_path / "site", "contoso_apps", module, names, monkeypatch)
    estate = parse_estate(TEXT.replace("[[tenants]]", f"{hosts}\n[[tenants]]", 1), "mine.toml")
    async with (
        Lab(estate, tmp_path / "lab", tmp_path / "cache") as lab,
        model_device(lab, "reader", lab.device_of(None), WallClock(lab.clock)) as device,
    ):
        plain = await device.http.request("GET", "http://greeting.corp.contoso.com:8081/a", {}, b"")
        assert plain.body == b"you asked for a\n"
        token = await device.kerberos.negotiate_token("HTTP/vault.corp.contoso.com")
        headers = {"Authorization": f"Negotiate {b64encode(token).decode()}"}
        kept = await device.http.request("GET", "https://vault.corp.contoso.com/", headers, b"")
        assert kept.body == b"hello, alice@CORP.CONTOSO.COM\n"
    sys.modules.pop("contoso_apps")


def test_the_manual_lists_the_shipped_services():
    """The table has a row for each shipped service, in their order."""
    assert re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE) == [*SHIPPED_SERVICES]
