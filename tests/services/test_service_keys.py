"""The key tables of services: their names are principals of a realm, each in one spelling."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from ssosim.entra import Call, HttpReply
from ssosim.estate import Estate, Host, Realm, ServiceAccount, default_estate
from ssosim.services import KeyTable, Service, ServiceContext, ServiceError, complete_estate, registry, services_of


class _Nothing:
    def __init__(self, context: ServiceContext) -> None:
        del context

    def handle(self, call: Call) -> HttpReply:
        """Answer nothing of use."""
        del call
        return HttpReply(204, b"", "")


VAULT = Service(name="vault", dns_names=("vault.corp.contoso.com",), application=_Nothing)
OWN = "HTTP/intranet.corp.contoso.com"
CLOUD = "HTTP/autologon.microsoftazuread-sso.com"


@pytest.fixture
def with_services(monkeypatch: pytest.MonkeyPatch):
    """Make an estate with services of another package, one at each of some hosts."""

    def make(*services: Service) -> Estate:
        known = {f"test-{number}": each for number, each in enumerate(services)}
        load = registry.load_service
        for module in ("ssosim.services.lookup", "ssosim.services.estate_completion"):
            monkeypatch.setattr(
                f"{module}.load_service",
                lambda name, estate, path=(): (known[name],) if name in known else load(name, estate, path),
            )
        hosts = [Host(name=name, address=f"198.51.100.{90 + at}", services=(name,)) for at, name in enumerate(known)]
        estate = default_estate()
        return replace(estate, hosts=(*estate.hosts, *hosts))

    return make


def with_keys(*spns: str, account: str = "", host: str = "vault.corp.contoso.com") -> Service:
    """The service with a key table."""
    return dataclasses.replace(VAULT, keys=KeyTable(spns, account), dns_names=(host,))


@pytest.mark.parametrize("spn", ["HTTP/vault.corp.contoso.com", "MSSQLSvc/vault.corp.contoso.com:1433"])
def test_a_name_of_a_key_table_becomes_a_principal(with_services, spn: str) -> None:
    """It is added to the services of the first realm, once, and a second call changes nothing."""
    estate = complete_estate(with_services(with_keys(spn), with_keys(spn, host="vault2.corp.contoso.com")))
    assert estate.default_realm.services.count(spn) == 1
    assert complete_estate(estate) == estate


@pytest.mark.parametrize("spn", [OWN, CLOUD])
def test_a_name_that_the_realm_has_is_not_added(with_services, spn: str) -> None:
    """A name of the file stays on its account."""
    estate = complete_estate(with_services(with_keys(spn)))
    assert estate.default_realm.services == default_estate().default_realm.services


@pytest.mark.parametrize("spn", ["http/Intranet.corp.contoso.com", CLOUD.upper()])
def test_the_same_name_in_other_letters_is_refused(with_services, spn: str) -> None:
    """Active Directory would have one account with it, an MIT KDC two principals (MS-KILE section 3.3.5.1.1)."""
    with pytest.raises(ServiceError, match=r"hosts\[6\]\.services\[0\]: the service .* elsewhere: write it as there"):
        complete_estate(with_services(with_keys(spn)))


def test_two_services_write_a_name_alike(with_services) -> None:
    """Two packages that write one name in different letters: the second is refused by its position."""
    first, second = with_keys("HTTP/a.test"), with_keys("HTTP/A.test", host="vault2.corp.contoso.com")
    with pytest.raises(ServiceError, match=r"hosts\[7\]\.services\[0\]: .* has the SPN 'HTTP/A.test'"):
        complete_estate(with_services(first, second))


@pytest.mark.parametrize(
    ("spn", "words"),
    [
        ("HTTP/vault.", "a dot at its end"),
        ("krbtgt/CORP.CONTOSO.COM", "is a principal of the KDC itself"),
        ("HTTP/vault:0", "there is no port 0"),
        ("vault", "expected SERVICE/host"),
        ("HTTP/\x1b[2J", r"'HTTP/\\x1b\[2J'"),
    ],
)
def test_a_name_that_is_none_is_refused(with_services, spn: str, words: str) -> None:
    """The rules for names of services are those of the estate file."""
    with pytest.raises(ServiceError, match=words):
        complete_estate(with_services(with_keys(spn)))


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (with_keys(), "has a key table without SPNs"),
        (
            with_keys("HTTP/a.test", account="NOBODY$"),
            "account 'NOBODY\\$', which does not exist; known: AZUREADSSOACC\\$",
        ),
        (dataclasses.replace(VAULT, port=0), "has port 0; expected 1 to 65535"),
        (dataclasses.replace(VAULT, port=65536), "has port 65536"),
        (dataclasses.replace(VAULT, dns_names=("a..b",)), "'a..b', which is not valid"),
        (dataclasses.replace(VAULT, dns_names=("good.test", "-bad.test")), "'-bad.test', which is not valid"),
        (dataclasses.replace(VAULT, dns_names=()), "has no DNS name"),
        (dataclasses.replace(VAULT, application=None), "has no application"),
    ],
)
def test_a_service_that_cannot_run(with_services, service: Service, words: str) -> None:
    """Each thing that it lacks is named."""
    with pytest.raises(ServiceError, match=words):
        complete_estate(with_services(service))


@pytest.mark.parametrize("port", [1, 65535])
def test_the_first_and_the_last_port(with_services, port: int) -> None:
    """The limits of a port are ports."""
    assert complete_estate(with_services(dataclasses.replace(VAULT, port=port)))


@pytest.mark.parametrize(
    ("tls", "host", "is_refused"), [(True, "b.test", False), (True, "A.Test", True), (False, "b.test", True)]
)
def test_services_share_a_listener_by_host_name(with_services, tls: bool, host: str, is_refused: bool) -> None:
    """On one address and port: both with TLS or both without, and each name once, in whatever letters."""
    estate = with_services(
        dataclasses.replace(VAULT, dns_names=("a.test",)), dataclasses.replace(VAULT, dns_names=(host,), tls=tls)
    )
    hosts = [replace(each, address="198.51.100.90") if each.name == "test-1" else each for each in estate.hosts]
    together = replace(estate, hosts=tuple(hosts))
    if is_refused:
        with pytest.raises(ServiceError, match=r"hosts\[7\]\.services\[0\]"):
            complete_estate(together)
    else:
        assert complete_estate(together)


def federation_keys(spn: str | None, *realms: Realm) -> KeyTable | None:
    """The key table of the federation service with this SPN."""
    estate = default_estate()
    service = replace(estate.federation_services[0], spn=spn)
    changed = replace(estate, federation_services=(service,), realms=(estate.default_realm, *realms))
    return next(each.keys for each in services_of(changed) if each.name == "federation")


def test_the_federation_service_has_the_key_of_its_name() -> None:
    """Written in any letters, it is the principal of the realm, in the realm's spelling; else there is no key."""
    spelled = KeyTable(("HTTP/sts.fabrikam.com",))
    assert federation_keys("HTTP/sts.fabrikam.com") == federation_keys("http/STS.fabrikam.com") == spelled
    assert federation_keys("HTTP/sts.fabrikam.con") is None
    assert federation_keys(None) is None


def test_the_federation_service_may_be_of_another_realm() -> None:
    """Its account is in the realm that has its name; where two have it, in the first."""
    account = ServiceAccount(name="SSO$")
    second = Realm(
        name="B.TEST", domain="b.test", service_account=account, services=("HTTP/sts.b.test", "http/sts.fabrikam.com")
    )
    assert federation_keys("HTTP/sts.b.test", second) == KeyTable(("HTTP/sts.b.test",))
    assert federation_keys("HTTP/sts.fabrikam.com", second) == KeyTable(("HTTP/sts.fabrikam.com",))
