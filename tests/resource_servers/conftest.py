"""Fixtures of these tests: a lab in memory, tokens of it, and requests to its resource servers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from ssosim.entra import Call, HttpReply
from ssosim.entra.core.jose import sign_jwt
from ssosim.entra.http.exchange import run_exchange
from ssosim.estate import Estate, parse_estate
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import AccessTokenChecked, HttpExchange

from .azure_lab import AzureLab, start_lab
from .estates import CONTOSO_TENANT, TOML

CONTOSO = Path(__file__).parents[2] / "ssosim" / "estate" / "contoso.toml"
NOW = 1_790_000_000
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


@cache
def make_estate() -> Estate:
    """Return the estate of these tests."""
    return parse_estate(CONTOSO.read_text(encoding="utf-8") + TOML, "test.toml")


@dataclass
class Servers:
    """The resource servers of a lab in memory."""

    lab: MemoryLab
    now: float = NOW
    client: str = "program"
    last: HttpReply | None = field(default=None)

    def claims(self, name: str = "alice@contoso.com", **changed: Any) -> dict[str, Any]:
        """Return the claims of an access token of a user, or of the application or identity ``name``.

        ``changed`` replace claims; one that is None is left out.
        """
        directory = self.lab.provider.directory
        user = directory.find_user(name)
        found: dict[str, Any] = {
            "aud": "https://management.azure.com",
            "iss": f"https://sts.windows.net/{CONTOSO_TENANT}/",
            "iat": NOW - 300,
            "nbf": NOW - 300,
            "exp": NOW + 3600,
            "tid": CONTOSO_TENANT,
            "ver": "1.0",
            "appid": CLI,
        }
        if user is not None:
            found |= {"oid": user.object_id, "scp": "user_impersonation", "upn": user.upn, "amr": ["pwd", "mfa"]}
        else:
            identity = next((each for each in self.lab.estate.managed_identities if each.name == name), None)
            client_id = identity.effective_client_id if identity else name
            application = directory.find_application(client_id)
            assert application is not None, name
            tenant = directory.find_tenant(changed.get("tid", CONTOSO_TENANT))
            assert tenant is not None
            principal = directory.find_service_principal(application, tenant)
            assert principal is not None
            found |= {"appid": client_id, "oid": principal.object_id}
        return {key: value for key, value in (found | changed).items() if value is not None}

    def token(self, name: str = "alice@contoso.com", **changed: Any) -> str:
        """Return an access token that the provider of the lab has signed."""
        return sign_jwt(self.lab.provider.keys.cloud, self.claims(name, **changed))

    def ask(
        self,
        method: str,
        url: str,
        token: str | None,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> HttpReply:
        """Send one request to the service with that name, as the lab does."""
        host, _, target = url.removeprefix("https://").partition("/")
        fields = CIMultiDict(headers or {})
        if token is not None:
            fields["Authorization"] = f"Bearer {token}"
        call = Call.read(method, host, f"/{target}", headers=fields, body=body, now=self.now)
        respond = next(respond for service, respond in self.lab._responders.items() if host in service.dns_names)
        reply = run_exchange(self.lab.provider, call, self.client, None, respond)
        assert reply is not None
        self.last = reply
        return reply

    def arm(self, method: str, path: str, token: str | None, **more: Any) -> HttpReply:
        """Send one request to Azure Resource Manager."""
        return self.ask(method, f"https://management.azure.com{path}?api-version=2022-12-01", token, **more)

    def checks(self) -> list[AccessTokenChecked]:
        """Return the checks of tokens in the trace."""
        return [record.event for record in self.lab.trace if isinstance(record.event, AccessTokenChecked)]

    def exchanges(self) -> list[HttpExchange]:
        """Return the exchanges in the trace."""
        return [record.event for record in self.lab.trace if isinstance(record.event, HttpExchange)]


def header_of(reply: HttpReply, name: str) -> str:
    """Return a header field of a reply; empty if it has none."""
    return next((value for field, value in reply.headers if field.lower() == name.lower()), "")


def error_of(reply: HttpReply) -> tuple[str, str]:
    """Return code and message of an error in JSON."""
    found = json.loads(reply.body)["error"]
    return found["code"], found["message"]


@pytest.fixture
def servers() -> Servers:
    """The resource servers of a lab in memory."""
    return Servers(MemoryLab(Engine(float(NOW)), make_estate()))


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureLab]:
    """A running lab of the estate ``contoso-azure``; the tests of a module share it."""
    from tests.conftest import Bench  # noqa: PLC0415 - the class of the fixture ``bench``

    bench = Bench(tmp_path_factory.mktemp("azure"))
    yield start_lab(bench, 1.5)
    bench.close()


@pytest.fixture(scope="module")
def short_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureLab]:
    """The same, with access tokens that live for three seconds, half as long as a deployment."""
    from tests.conftest import Bench  # noqa: PLC0415 - the class of the fixture ``bench``

    bench = Bench(tmp_path_factory.mktemp("short"))
    yield start_lab(bench, 6, access_token_lifetime="3")
    bench.close()
