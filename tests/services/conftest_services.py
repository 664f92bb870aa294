"""Another package with two services, installed for as long as a test runs: files and an entry point, nothing else."""

import importlib
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from ssosim.services import registry

MODULE = '''
"""Two services: one plain, one behind Kerberos."""

from ssosim.entra import AcceptedTicket, HttpReply
from ssosim.services import KeyTable, Service
from ssosim.services.tickets import request_ticket, check_ticket

TEXT = "text/plain; charset=utf-8"


class Hello:
    def __init__(self, context):
        self.service = context.service

    def handle(self, call):
        return HttpReply(200, f"hello at {call.scheme} {call.port} {'/'.join(call.path)}\\n".encode(), TEXT)


class Vault:
    def __init__(self, context):
        self.context = context

    def handle(self, call):
        ticket = check_ticket(self.context, call)
        if ticket is None:
            return request_ticket()
        if isinstance(ticket, AcceptedTicket):
            return HttpReply(200, f"{ticket.principal} for {ticket.service}\\n".encode(), TEXT)
        return HttpReply(403, ticket.reason.encode(), TEXT)


class Broken:
    def __init__(self, context):
        pass

    def handle(self, call):
        raise ValueError("a mistake of the other package")


hello = Service(name="hello", dns_names=("hello.corp.contoso.com",), port=8080, tls=False, application=Hello)
metadata = Service(name="metadata", dns_names=("169.254.169.254",), port=80, tls=False, application=Hello)
broken = Service(name="broken", dns_names=("broken.corp.contoso.com",), application=Broken)
nameless = Service(name="nameless", application=Hello)
number = 7


def vault(estate):
    """Its host is named after the estate's domain, with two SPNs in one key table."""
    host = f"vault.{estate.default_realm.domain}"
    keys = KeyTable((f"HTTP/{host}", "HTTP/vault.tailspin.example"))
    yield Service(name="vault", dns_names=(host, "vault.tailspin.example"), keys=keys, application=Vault)


def failing(estate):
    raise RuntimeError("no luck")
'''
POINTS = ("hello", "metadata", "broken", "nameless", "number", "vault", "failing", "absent")
HOSTS = """
[[hosts]]
name = "app"
address = "198.51.100.80"
services = ["hello"]

[[hosts]]
name = "vault-1"
address = "198.51.100.81"
services = ["vault", "broken"]

[[hosts]]
name = "app-2"
address = "198.51.100.82"
services = ["hello"]

[[hosts]]
name = "metadata"
address = "169.254.169.254"
services = ["metadata"]

"""
TEXT = (resources.files("ssosim.estate") / "contoso.toml").read_text()


def with_hosts(hosts: str = HOSTS) -> str:
    """Contoso with hosts more."""
    return TEXT.replace("[[tenants]]", hosts + "[[tenants]]", 1)


def install(folder: Path, name: str, module: str, points: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package of one module in ``folder``, with these entry points, on the path of this process."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(module)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{point} = {value}\n" for point, value in points.items())
    (info / "entry_points.txt").write_text(f"[ssosim.services]\n{lines}")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    registry._find_reference.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the other package, on the path of this process."""
    folder = tmp_path / "site"
    install(folder, "acme_services", MODULE, {name: f"acme_services:{name}" for name in POINTS}, monkeypatch)
    yield folder
    registry._find_reference.cache_clear()
    sys.modules.pop("acme_services", None)
