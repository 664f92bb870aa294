"""The keys of a realm as values: who owns a name, which keys a KDC chooses, and which fault is to blame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.estate import Estate
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.enctypes import AES128, AES256, DEFAULT_ENCTYPES, RC4, SUPPORTED
from ssosim.kerberos.key_database import (
    Account,
    AccountError,
    IssuedKeys,
    KeyDatabase,
    KeyRule,
    find_enctype_faults,
    find_key_faults,
    fold_key_rules,
    list_accounts,
)

WEB, SQL, CLOUD = "HTTP/web.corp.test", "MSSQLSvc/db.corp.test:1433", "HTTP/sso.cloud.test"
DATABASE = KeyDatabase(
    (Account("SSO$", ("SSO$", CLOUD)), Account(WEB, (WEB,)), Account("svc-sql", (SQL, "MSSQLSvc/db.corp.test")))
)
UNKNOWN, NOT_UNIQUE = int(KrbCode.KDC_ERR_S_PRINCIPAL_UNKNOWN), int(KrbCode.KDC_ERR_PRINCIPAL_NOT_UNIQUE)


def owner(database: KeyDatabase, spn: str) -> str | None:
    """The name of the account that has ``spn``."""
    account = database.owner_of(spn)
    return None if account is None else account.name


def keys_of(*types: str, sessions: tuple[str, ...] | None = None) -> KeyDatabase:
    """A realm whose web service has keys of these types."""
    return KeyDatabase((Account(WEB, (WEB,), enctypes=types, service_enctypes=types, session_enctypes=sessions),))


def test_the_accounts_of_an_estate(estate: Estate) -> None:
    """The account of the cloud has its own name and all its SPNs; each other service has an account of its own."""
    database = list_accounts(estate)
    realm = estate.default_realm
    assert [each.name for each in database.accounts] == [realm.service_account.name, *realm.services]
    assert database.accounts[0].principals == (realm.service_account.name, *realm.service_account.spns)
    assert all(each.kvno == 1 and each.service_kvnos == (1,) for each in database.accounts)


@pytest.mark.parametrize("spn", [WEB, WEB.lower(), WEB.upper(), "hTTp/Web.corp.TEST"])
def test_a_name_is_found_in_any_letters(spn: str) -> None:
    """MS-KILE section 3.3.5.1.1: Active Directory compares names without regard to case."""
    assert owner(DATABASE, spn) == WEB
    assert DATABASE.find(spn) is DATABASE.accounts[1]


@pytest.mark.parametrize(
    "spn", ["HTTP/web.corp.test.", "HTTP/web", "web.corp.test", "MSSQLSvc/db.corp.test:1434", "svc-sql"]
)
def test_a_name_is_found_whole(spn: str) -> None:
    """No part of a name, and no other port, is that name; an account's name is a principal only where it says so."""
    assert owner(DATABASE, spn) is None


def test_an_account_is_found_by_its_name_or_a_name_of_its_services() -> None:
    """The name of the account, in any letters, or an SPN of it."""
    assert DATABASE.find("SVC-SQL") is DATABASE.find(SQL.lower()) is DATABASE.accounts[2]
    assert DATABASE.find("nobody") is None


def test_a_name_is_registered_on_one_account_alone() -> None:
    """A name that moves leaves its owner, whose services have the key table of before, and belongs to the new one."""
    moved = DATABASE.register([SQL.lower()], "WEB01$")
    assert owner(moved, SQL) == "WEB01$"
    before, after = moved.find("svc-sql"), moved.find("WEB01$")
    assert before is not None
    assert after is not None
    assert (before.principals, before.lost) == (("MSSQLSvc/db.corp.test",), (SQL,))
    assert (after.principals, after.service_kvnos) == ((SQL.lower(),), ())
    assert owner(DATABASE, SQL) == "svc-sql", "the value of before is unchanged"


def test_a_name_comes_back_to_its_account() -> None:
    """After both moves the account has the name again, and lost none."""
    back = DATABASE.register([WEB], "WEB01$").register([WEB], WEB)
    account = back.accounts[1]
    assert (account.principals, account.lost) == ((WEB,), ())
    assert owner(back, WEB) == WEB


def test_registering_a_name_where_it_is_changes_its_spelling_only() -> None:
    """The owner keeps its other names, and loses none."""
    again = DATABASE.register([SQL.upper()], "SVC-SQL")
    account = again.find("svc-sql")
    assert account is not None
    assert (account.principals, account.lost) == (("MSSQLSvc/db.corp.test", SQL.upper()), ())
    assert len(again.accounts) == len(DATABASE.accounts)


@settings(max_examples=50)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from([WEB, SQL, CLOUD, "HTTP/new"]), st.sampled_from(["SSO$", WEB, "A$"])), max_size=5
    )
)
def test_a_name_has_one_owner_after_any_moves(moves: Sequence[tuple[str, str]]) -> None:
    """The last account that a name was registered on has it, no other has, and only others have lost it."""
    database = DATABASE
    for spn, account in moves:
        database = database.register([spn], account)
    last = {WEB: WEB, SQL: "svc-sql", CLOUD: "SSO$"} | dict(moves)
    for spn, name in last.items():
        assert [each.name for each in database.accounts if spn in each.principals] == [name]
        assert name not in [each.name for each in database.accounts if spn in each.lost]
        assert owner(database, spn.lower()) == name


@pytest.mark.parametrize(
    ("types", "kdc", "offered", "sessions", "expected"),
    [
        ((AES256, AES128), SUPPORTED, SUPPORTED, None, (AES256, AES256)),
        ((AES256, AES128), SUPPORTED, (AES128, AES256), None, (AES256, AES128)),  # the client's first for the session
        ((AES128,), SUPPORTED, (AES256,), None, (AES128, AES256)),  # the client need not know the type of the ticket
        ((AES256, AES128), SUPPORTED, (RC4,), None, None),  # 2026: no RC4 session without a word about it
        ((RC4,), SUPPORTED, SUPPORTED, None, (RC4, AES256)),  # AES session keys for an RC4 account (0x27)
        ((RC4,), SUPPORTED, SUPPORTED, (RC4,), (RC4, RC4)),
        ((RC4,), SUPPORTED, (AES256, AES128), (RC4,), None),  # RC4 alone, and a client without it
        ((RC4,), (AES256, AES128), SUPPORTED, None, None),  # RC4 is switched off at the KDC
        ((AES256, RC4), (RC4,), SUPPORTED, None, None),  # the session would be AES, which this KDC has not
        ((AES256, RC4), (RC4,), SUPPORTED, SUPPORTED, (RC4, RC4)),
        ((AES256, AES128), (AES128,), SUPPORTED, None, (AES128, AES128)),
        ((AES256,), SUPPORTED, (), None, None),
    ],
)
def test_the_keys_of_a_ticket(
    types: tuple[str, ...],
    kdc: tuple[str, ...],
    offered: tuple[str, ...],
    sessions: tuple[str, ...] | None,
    expected: tuple[str, str] | None,
) -> None:
    """RFC 4120 section 3.1.3, KB5021131: the account's strongest type, and the client's first for the session."""
    database = dataclasses.replace(keys_of(*types, sessions=sessions), enctypes=kdc)
    found = database.choose_keys(WEB, offered)
    assert found == (None if expected is None else IssuedKeys(WEB, 1, *expected))


def test_the_version_of_a_ticket_is_that_of_the_account() -> None:
    """Each account counts its own passwords; a principal without a service has the first key."""
    rolled = DATABASE.with_account(replace(DATABASE.accounts[1], kvno=7))
    assert rolled.choose_keys(WEB) == IssuedKeys(WEB, 7, AES256, AES256)
    assert rolled.choose_keys(CLOUD) == IssuedKeys("SSO$", 1, AES256, AES256)
    assert rolled.choose_keys("krbtgt/CORP.TEST") == IssuedKeys("", 1, AES256, AES256)
    assert rolled.choose_keys("krbtgt/CORP.TEST", (RC4,)) is None


@pytest.mark.parametrize(
    ("at_kdc", "at_service", "previous", "kvno", "service_kvnos"),
    [
        (True, True, 1, 2, (2, 1)),
        (True, True, 0, 2, (2,)),
        (True, False, 1, 2, (1,)),
        (False, True, 1, 1, (2, 1)),
        (False, False, 1, 1, (1,)),
    ],
)
def test_a_new_password(
    at_kdc: bool, at_service: bool, previous: int, kvno: int, service_kvnos: tuple[int, ...]
) -> None:
    """The version counts up where the password is set; a service keeps so many former keys."""
    account = Account("A$", (WEB,)).roll(at_kdc=at_kdc, at_service=at_service, previous_keys=previous)
    assert (account.kvno, account.service_kvnos) == (kvno, service_kvnos)
    twice = account.roll(at_kdc=at_kdc, at_service=at_service, previous_keys=previous)
    assert len(twice.service_kvnos) <= previous + 1


def test_an_account_without_a_service_has_no_key_table() -> None:
    """A computer account whose keys nobody has in the lab gets none by a new password."""
    account = Account("WEB01$", (WEB,), service_kvnos=()).roll(at_kdc=True, at_service=True, previous_keys=5)
    assert (account.kvno, account.service_kvnos) == (2, ())


@pytest.mark.parametrize(
    ("kvno", "enctype", "opens"), [(2, AES256, True), (1, AES256, True), (3, AES256, False), (2, RC4, False)]
)
def test_a_service_needs_version_and_type_of_a_key(kvno: int, enctype: str, opens: bool) -> None:
    """A key of the same version and another type is another key (RFC 4120 section 5.2.9)."""
    account = Account("A$", (WEB,), service_kvnos=(2, 1), service_enctypes=DEFAULT_ENCTYPES)
    assert account.opens(kvno, enctype) is opens


def test_a_name_on_two_accounts_has_the_error_of_the_kdc() -> None:
    """In any letters; the error is the one that was chosen, and other names have none."""
    database = dataclasses.replace(DATABASE, duplicates=((WEB, UNKNOWN), (SQL, NOT_UNIQUE)))
    assert database.find_duplicate(WEB.upper()) == UNKNOWN
    assert database.find_duplicate(SQL) == NOT_UNIQUE
    assert database.find_duplicate(CLOUD) is None


def test_a_kdc_that_gets_no_changes_keeps_what_it_has() -> None:
    """The first stop counts; the current database and each lagging one are the views."""
    first = DATABASE.stop_replication(["dc2"])
    changed = first.register([WEB], "WEB01$")
    both = changed.stop_replication(["dc2", "dc3"])
    later = both.register([WEB], "WEB02$")
    assert [owner(later.at(kdc), WEB) for kdc in ("dc1", "dc2", "dc3")] == ["WEB02$", WEB, "WEB01$"]
    assert later.list_views() == (later, later.at("dc2"), later.at("dc3"))
    assert later.at("dc2").lagging == ()


def change(name: str, number: int) -> KeyRule:
    """A fault that does one of these things to the web service."""

    def roll(database: KeyDatabase) -> KeyDatabase:
        account = database.find(WEB)
        assert account is not None
        return database.with_account(account.roll(at_kdc=True, at_service=False, previous_keys=1))

    def fail(_: KeyDatabase) -> KeyDatabase:
        raise AccountError("no such account")

    changes = {
        "roll": roll,
        "move": lambda database: database.register([WEB], "WEB01$"),
        "rc4-off": lambda database: dataclasses.replace(database, enctypes=DEFAULT_ENCTYPES),
        "rc4-only": lambda database: database.with_account(replace(database.accounts[1], enctypes=(RC4,))),
        "double": lambda database: dataclasses.replace(database, duplicates=((WEB, UNKNOWN), *database.duplicates)),
        "nothing": lambda database: database,
        "fail": fail,
        "lag": lambda database: database.stop_replication(["dc2"]),
    }
    return KeyRule(changes[name], number)


def rules(*names: str) -> list[KeyRule]:
    """Faults, numbered from 1."""
    return [change(name, number) for number, name in enumerate(names, 1)]


def test_a_change_that_does_not_fit_is_left_out() -> None:
    """The account of a fault may have come from another one, which is undone; the others stay."""
    assert fold_key_rules(DATABASE, rules("fail", "move", "fail")) == fold_key_rules(DATABASE, rules("move"))
    assert fold_key_rules(DATABASE, []) == DATABASE


@pytest.mark.parametrize(
    ("names", "kvno", "blamed"),
    [
        (("roll",), 2, (1,)),
        (("nothing", "roll", "nothing"), 2, (2,)),
        (("move",), 1, (1,)),
        (("roll", "roll"), 3, (1, 2)),  # each alone is enough: no single one is to blame
        (("nothing",), 1, ()),
        ((), 1, ()),
    ],
)
def test_the_fault_that_took_the_key_of_a_service(names: tuple[str, ...], kvno: int, blamed: tuple[int, ...]) -> None:
    """That one without which the service could decrypt the ticket; a fault that changed nothing is never blamed."""
    assert find_key_faults(DATABASE, rules(*names), WEB, kvno, AES256) == blamed


@pytest.mark.parametrize(
    ("names", "offered", "kdc", "blamed"),
    [
        (("rc4-only", "rc4-off"), DEFAULT_ENCTYPES, "", (1, 2)),  # without either of them there is a ticket
        (("rc4-only", "nothing"), (RC4,), "", ()),  # the client offers RC4 alone: no fault has a part in it
        (("nothing", "double"), SUPPORTED, "", (2,)),
        (("double", "double"), SUPPORTED, "", (1,)),  # the second one changed nothing
        (("double", "lag"), SUPPORTED, "dc2", (1,)),
        (("lag", "double"), SUPPORTED, "dc1", (2,)),
    ],
)
def test_the_fault_for_which_a_kdc_refuses(
    names: tuple[str, ...], offered: tuple[str, ...], kdc: str, blamed: tuple[int, ...]
) -> None:
    """The faults of types, of duplicate names and of replication, at the KDC that was asked."""
    view = fold_key_rules(DATABASE, rules(*names)).at(kdc)
    assert view.find_duplicate(WEB) is not None or view.choose_keys(WEB, offered) is None, "the KDC refuses"
    assert find_enctype_faults(DATABASE, rules(*names), WEB, offered, kdc) == blamed


def test_a_name_that_is_not_replicated_is_a_matter_of_replication() -> None:
    """The KDC that lags does not know a new name; the faults are those without which it would."""
    spn = "HTTP/new.corp.test"
    new = KeyRule(lambda database: database.register([spn], "NEW$"), 2)
    assert find_enctype_faults(DATABASE, [change("lag", 1), new], spn, SUPPORTED, "dc2") == (1,)
    assert find_enctype_faults(DATABASE, [change("nothing", 1), change("lag", 3), new], spn, SUPPORTED, "dc2") == (3,)
