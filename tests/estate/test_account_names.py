"""Names of accounts, realms and domains in Active Directory: what they may contain, and that each has one owner."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .changed_estate import KDC_B, REALM, Data, again, both, mistakes, put, two_realms

ACCOUNT = "realms[0].service_account.name"


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        (put("realms.0.service_account.name", "alice"), ACCOUNT, "is the sam_account of alice@contoso.com"),
        (put("realms.0.service_account.name", "ALICE"), ACCOUNT, "is the sam_account of alice@contoso.com"),
        (put("realms.0.service_account.name", "krbtgt"), ACCOUNT, "is the account of the KDC itself"),
        (put("realms.0.service_account.name", "A" * 16 + "$"), ACCOUNT, "at most 16 characters"),
        (put("realms.0.service_account.name", "a" * 21), ACCOUNT, "at most 20 characters"),
        (put("realms.0.service_account.name", "a b"), ACCOUNT, "is not an account"),
        (put("realms.0.service_account.name", ""), ACCOUNT, "is not an account"),
        (put("users.1.sam_account", ""), "users[1].sam_account", "is empty; leave the key out"),
        (put("users.1.sam_account", "bob."), "users[1].sam_account", "ends with a dot"),
        (put("users.1.sam_account", "KrbTgt"), "users[1].sam_account", "is the account of the KDC itself"),
        (put("users.1.sam_account", "bob$"), "users[1].sam_account", "letters, digits, dot, dash and underscore only"),
        (put("users.1.sam_account", "b" * 21), "users[1].sam_account", "has at most 20 characters"),
        (put("users.1.sam_account", "Alice"), "users[1].sam_account", "is used already at users[0].sam_account"),
        (put("realms.0.netbios_name", ""), "realms[0].netbios_name", "is no NetBIOS name"),
        (put("realms.0.netbios_name", "CORP\\X"), "realms[0].netbios_name", "is no NetBIOS name"),
        (put("realms.0.netbios_name", "CORP.X"), "realms[0].netbios_name", "is no NetBIOS name"),
        (put("realms.0.netbios_name", "CORP\x07"), "realms[0].netbios_name", "'CORP\\x07' is no NetBIOS name"),
        (put("realms.0.netbios_name", "A" * 16), "realms[0].netbios_name", "up to 15 characters"),
        (put("realms.0.name", "CORP.CONTOSO.COM."), "realms[0].name", "is not a realm name"),
        (put("realms.0.name", "CORP/CONTOSO"), "realms[0].name", "is not a realm name"),
        (put("realms.0.name", ""), "realms[0].name", "is not a realm name"),
        (put("realms.0.name", ".".join(["A" * 50] * 5)), "realms[0].name", "is not a realm name"),
        (put("realms.0.domain", "corp.contoso.com."), "realms[0].domain", "is not a DNS domain"),
        (put("realms.0.domain", ".corp.contoso.com"), "realms[0].domain", "is not a DNS domain"),
    ],
)
def test_a_name_that_active_directory_does_not_accept(change: Callable[[Data], object], path: str, words: str) -> None:
    """The key is named, and the text says what is wrong or expected, on one line."""
    found = mistakes(change)
    assert words in found.get(path, ""), found
    assert found[path].isprintable()


@pytest.mark.parametrize(
    "change",
    [
        put("realms.0.service_account.name", "A" * 15 + "$"),
        put("realms.0.service_account.name", "svc-" + "a" * 16),
        put("users.1.sam_account", "b" * 20),
        put("realms.0.netbios_name", "A" * 15),
        put("realms.0.netbios_name", "CORP-1"),
        put("realms.0.domain", "corp"),
        put("realms.0.name", ".".join(["A" * 49] * 5) + ".ABC"),
    ],
)
def test_the_longest_and_the_shortest_names(change: Callable[[Data], object]) -> None:
    """The other side of each limit is accepted."""
    assert mistakes(change) == {}


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (REALM | {"netbios_name": "corp"}, "is the NetBIOS name of the realm CORP.CONTOSO.COM too"),
        (REALM | {"name": "CORP.TEST"}, "'CORP' is the NetBIOS name of the realm CORP.CONTOSO.COM too"),
        (REALM | {"name": "CORP.TEST", "netbios_name": "CORP2"}, ""),
    ],
)
def test_a_netbios_name_belongs_to_one_realm(second: Data, words: str) -> None:
    r"""``CORP\alice`` must mean one account: the first label of a realm counts where no name is given."""
    change = both(put("realms.+", second), put("hosts.+", KDC_B | {"realm": second["name"]}))
    assert words in mistakes(change).get("realms[1].netbios_name", "")
    assert bool(words) == bool(mistakes(change))


def test_a_user_of_another_realm_may_be_called_as_the_account() -> None:
    """An account name is unique in its domain, not beyond it."""
    change = both(two_realms, put("realms.0.service_account.name", "bob"), put("users.1.realm", "B.TEST"))
    assert mistakes(change) == {}
    assert ACCOUNT in mistakes(put("realms.0.service_account.name", "bob"))


def test_an_account_without_names_is_not_checked() -> None:
    """A realm without SPNs of the cloud has no such account: its name is only the default."""
    change = both(
        two_realms, put("realms.1.service_account", {"name": "bob", "spns": []}), put("users.1.realm", "B.TEST")
    )
    assert mistakes(change) == {}


def test_one_host_name_has_one_service_of_the_identity_provider() -> None:
    """Two federation services, or one and the login host, at one name: a client could not tell which answers."""
    twice = mistakes(again("federation_services", name="second", host="STS.fabrikam.com"))
    assert "is used already at federation_services[0].host" in twice["federation_services[1].host"]
    for host in ("login.microsoftonline.com", "Autologon.microsoftazuread-sso.com"):
        found = mistakes(put("federation_services.0.host", host))
        assert "is a host of the identity provider already" in found["federation_services[0].host"]
