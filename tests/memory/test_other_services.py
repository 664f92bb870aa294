"""Services of another package, with ports, plain HTTP and key tables of their own: alike in memory and over sockets."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from ssosim_clients.models import SignInReport, SignInState
from ssosim_clients.ports import Device

from ssosim.estate import Estate, default_estate, parse_estate
from ssosim.faults import fault_from
from ssosim.lab.base.errors import LabInputError
from ssosim.memory import Engine, MemoryLab, memory_device
from ssosim.testing import ClientEnvironment
from tests.services.conftest_services import with_hosts

from .calls import Act, in_memory, over_sockets, request

HELLO, VAULT, OTHER = "hello.corp.contoso.com", "vault.corp.contoso.com", "vault.tailspin.example"
BROKEN, LOGIN, AUTOLOGON = "broken.corp.contoso.com", "login.microsoftonline.com", "autologon.microsoftazuread-sso.com"

URLS = [
    f"http://{HELLO}:8080/a/b",
    f"http://{HELLO}/",
    f"https://{HELLO}:8080/",
    f"https://{HELLO}/",
    "http://169.254.169.254/latest",
    "https://169.254.169.254/",
    "http://198.51.100.80:8080/by-address",
    f"https://{VAULT}/x",
    f"https://{OTHER}/x",
    f"http://{VAULT}:443/",
    f"https://{BROKEN}/",
    f"https://{LOGIN}/common/discovery/keys",
    "https://198.51.100.81/",
]


def _show_ticket(host: str, spn: str) -> Act:
    """Get a ticket for ``spn`` and show it to ``host``."""

    async def act(device: Device) -> Any:
        token = b64encode(await device.kerberos.negotiate_token(spn)).decode()
        return (await device.http.request("GET", f"https://{host}/", {"Authorization": f"Negotiate {token}"}, b"")).body

    return act


ACTS: list[Act] = [
    *(request(("GET", url, {}, b"")) for url in URLS),
    request(("GET", f"https://{VAULT}/", {"Host": LOGIN}, b"")),
    _show_ticket(VAULT, f"HTTP/{VAULT}"),
    _show_ticket(OTHER, f"HTTP/{OTHER}"),
    _show_ticket(VAULT, f"HTTP/{AUTOLOGON}"),
    _show_ticket(AUTOLOGON, f"HTTP/{VAULT}"),
]


def _estate() -> Estate:
    return parse_estate(with_hosts(), "f")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    "fault",
    [
        None,
        {"fault": "wrong-address", "name": LOGIN, "address": "198.51.100.81"},
        {"fault": "wrong-address", "name": LOGIN, "address": "198.51.100.80"},
        {"fault": "certificate-expired", "host": VAULT},
        {"fault": "http-status", "host": HELLO, "status": 503},
        {"fault": "http-dropped", "host": VAULT},
    ],
    ids=lambda fault: fault and "-".join(fault.values()) if isinstance(fault, dict) and "status" not in fault else None,
)
def test_every_call_gives_the_same(
    fault: dict[str, Any] | None, prepared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever listens, on whichever port, with TLS or without: outcome, time and records are the same on both labs."""
    faults = [fault_from(fault)] if fault else []
    memory, sockets = in_memory(ACTS, _estate(), faults), over_sockets(ACTS, _estate(), faults, prepared)
    for one, other in zip(memory, sockets, strict=True):
        assert one == other
    logged = [record.message for record in caplog.records if record.exc_info]
    assert logged == ["the service broken failed: GET https://broken.corp.contoso.com/"] * 2  # once on each lab


@pytest.mark.usefixtures("package")
def test_what_the_services_say() -> None:
    """Scheme, port, path and the principal of a ticket reach the application of the other package."""
    lab = MemoryLab(Engine(), _estate())
    device = memory_device(lab, "c")

    async def visit() -> tuple[bytes, Any]:
        said = await device.http.request("GET", f"http://{HELLO}:8080/a", {}, b"")
        return said.body, await _show_ticket(VAULT, f"HTTP/{VAULT}")(device)

    run = lab.engine.start(visit())
    lab.engine.run(watched=run)
    assert run.result == (
        b"hello at http 8080 a\n",
        b"alice@CORP.CONTOSO.COM for HTTP/vault.corp.contoso.com@CORP.CONTOSO.COM\n",
    )


@pytest.mark.usefixtures("package")
def test_a_world_has_them_by_name() -> None:
    """In a test's environment, whose addresses are the test's, a service answers for its name on its port only."""
    environment = ClientEnvironment(estate=_estate())
    environment.addresses[HELLO] = ("192.0.2.77",)

    async def visit(port: int) -> int:
        return (await environment.device().http.request("GET", f"http://{HELLO}:{port}/", {}, b"")).status

    assert (environment.play(visit(8080)), environment.play(visit(8081))) == (200, 421)


def test_http_with_a_dns_server_is_refused_by_name() -> None:
    """What memory does not know it does not make up: how HTTP ends with a server that speaks DNS."""
    lab = MemoryLab(Engine(), default_estate())
    device = memory_device(lab, "c")

    async def visit() -> SignInReport:
        await device.http.request("GET", "https://10.10.0.53:53/", {}, b"")
        return SignInReport(SignInState.FAILED)

    run = lab.engine.start(visit())
    lab.engine.run(watched=run)
    with pytest.raises(LabInputError, match=r"HTTP with the DNS server at .* is not supported in memory"):
        _ = run.result
