"""Which fault of the directory is behind a refusal: the one whose user, application or domain the request names."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.entra.core.messages import Call
from ssosim.entra.http.exchange import run_exchange
from ssosim.estate import default_estate
from ssosim.faults import DomainManaged, MfaRequired, PasswordChanged, UserDisabled, UserLocked, fault_from
from ssosim.faults.core.mentions import mentions
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import HttpExchange
from tests.faults.fault_board import LOGIN, NOW

OFFICE = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
NAME_LETTERS = st.text(st.sampled_from("abn.-_'1"), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("/common/userrealm/ann@contoso.com?api-version=1.0", "ann@contoso.com", True),
        ("/common/userrealm/ann%40contoso.com", "ann@contoso.com", True),
        ("grant_type=password&username=ann%40contoso.com&x=y", "ann@contoso.com", True),
        ("username%3dann%40contoso.com%26x", "ann@contoso.com", True),
        ("<username>ann@contoso.com</username>", "ANN@Contoso.com", True),
        ('{"username":"ann@contoso.com"}', "ann@contoso.com", True),
        ("see ann@contoso.com.", "ann@contoso.com", True),
        ("username=joann%40contoso.com", "ann@contoso.com", False),
        ("username=joann@contoso.com", "ann@contoso.com", False),
        ("username=jo-ann@contoso.com", "ann@contoso.com", False),
        ("username=jo.ann@contoso.com", "ann@contoso.com", False),
        ("username=jo_ann@contoso.com", "ann@contoso.com", False),
        ("username=d'ann@contoso.com", "ann@contoso.com", False),
        ("username=%27ann@contoso.com", "ann@contoso.com", False),
        ("username=%c3%bcann@contoso.com", "ann@contoso.com", False),
        ("username=%6fann@contoso.com", "ann@contoso.com", False),
        ("username=%7eann@contoso.com", "ann@contoso.com", False),
        ("username=ann@contoso.com.example", "ann@contoso.com", False),
        ("username=ann@contoso.community", "ann@contoso.com", False),
        ("username=joann@contoso.com and ann@contoso.com", "ann@contoso.com", True),
        ("/userrealm/frank@fabrikam.com", "fabrikam.com", True),
        ("/userrealm/frank%40fabrikam.com", "fabrikam.com", True),
        ("/fabrikam.com/oauth2/token", "fabrikam.com", True),
        ("https%3a%2f%2ffabrikam.com%2fx", "fabrikam.com", True),
        ("/userrealm/frank@notfabrikam.com", "fabrikam.com", False),
        ("/userrealm/frank@eu.fabrikam.com", "fabrikam.com", False),
        ("/userrealm/frank@fabrikam.com.example", "fabrikam.com", False),
        ("/userrealm/frank@fabrikam-com", "fabrikam.com", False),
        (f"client_id={OFFICE}&x=y", OFFICE, True),
        (f"client_id={OFFICE}", OFFICE.upper(), True),
        (f"client_id={OFFICE}0", OFFICE, False),
        (f"client_id=a{OFFICE}", OFFICE, False),
        (f"api%3a%2f%2f{OFFICE}%2f.default", OFFICE, True),
        ("username=j%c3%bcrgen%40contoso.com", "jürgen@contoso.com", True),
        ("anything", "", False),
    ],
)
def test_a_name_is_named_as_a_whole(text: str, name: str, *, expected: bool) -> None:
    """Letters before or after it make another name; the signs of forms, XML, JSON and URLs do not."""
    assert mentions(text, name) is expected


@given(NAME_LETTERS, NAME_LETTERS)
@settings(max_examples=150, deadline=None)
def test_a_form_names_its_own_user_only(user: str, other: str) -> None:
    """For all user names: the name in a form is found, plain or encoded, and no other one is."""
    upn, second = f"{user}@contoso.com", f"{other}@contoso.com"
    for text in (urlencode({"username": upn, "x": "y"}), f"/userrealm/{upn}?x", f"/userrealm/{quote(upn, safe='')}"):
        assert mentions(text.lower(), upn)
        assert mentions(text.lower(), second) is (upn == second)


def sign_in(lab: MemoryLab, upn: str, password: str) -> HttpExchange:
    """Sign in with a password and return the exchange as the trace has it."""
    form = {"grant_type": "password", "client_id": OFFICE, "username": upn, "password": password, "scope": "openid"}
    call = Call.read(
        "POST",
        LOGIN,
        "/organizations/oauth2/v2.0/token",
        headers={"Host": LOGIN, "Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
        now=NOW,
    )
    run_exchange(lab.provider, call, "office", None)
    return [record.event for record in lab.trace if isinstance(record.event, HttpExchange)][-1]


def make_lab() -> MemoryLab:
    """A lab with two users of whom the name of one is the end of the other's, and of one with a locked account."""
    estate = default_estate()
    alice = estate.user("alice@contoso.com")
    assert alice is not None
    others = [
        msgspec.structs.replace(alice, upn="malice@contoso.com", sam_account="malice", locked=True),
        msgspec.structs.replace(alice, upn="s.alice@contoso.com", sam_account="s.alice", enabled=False),
    ]
    return MemoryLab(Engine(NOW), msgspec.structs.replace(estate, users=(*estate.users, *others)))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (UserLocked(user="alice@contoso.com"), 50053),
        (UserDisabled(user="Alice@CONTOSO.com"), 50057),
        (MfaRequired(user="alice@contoso.com"), 50076),
        (fault_from({"fault": "password-expired", "user": "alice@contoso.com"}), 50055),
    ],
)
def test_the_refusal_of_a_user_names_the_fault(fault: UserLocked, code: int) -> None:
    """The exchange that the fault refused has its number; a good sign-in of another user has none."""
    lab = make_lab()
    fault.apply(lab)
    refused = sign_in(lab, "alice@contoso.com", "Alice-lab-password-1")
    assert (refused.code, refused.faults) == (code, (1,))
    assert sign_in(lab, "bob@contoso.com", "Bob-lab-password-1").faults == ()


@pytest.mark.parametrize(
    ("fault", "upn", "code"),
    [
        (UserLocked(user="alice@contoso.com"), "malice@contoso.com", 50053),
        (UserDisabled(user="alice@contoso.com"), "s.alice@contoso.com", 50057),
    ],
)
def test_a_refusal_of_another_user_is_not_of_that_fault(fault: UserLocked, upn: str, code: int) -> None:
    """Malice is locked by the estate; the fault that locks Alice is no cause of that."""
    lab = make_lab()
    fault.apply(lab)
    refused = sign_in(lab, upn, "Alice-lab-password-1")
    assert (refused.code, refused.faults) == (code, ())


@pytest.mark.parametrize(("password", "faults"), [("Bob-lab-password-1", (1,)), ("never-a-password", ())])
def test_a_changed_password_explains_the_old_one_only(password: str, faults: tuple[int, ...]) -> None:
    """Who types a password that was never right is refused without the fault too."""
    lab = make_lab()
    PasswordChanged(user="bob@contoso.com").apply(lab)
    refused = sign_in(lab, "bob@contoso.com", password)
    assert (refused.code, refused.faults) == (50126, faults)


@pytest.mark.parametrize(
    ("upn", "faults"),
    [("frank@fabrikam.com", (1,)), ("frank@FABRIKAM.com", (1,)), ("alice@contoso.com", ()), ("x@notfabrikam.com", ())],
)
def test_an_answer_about_a_changed_domain_names_the_fault(upn: str, faults: tuple[int, ...]) -> None:
    """Realm discovery of a user of the domain, and of no other one, is another answer than without the fault."""
    lab = make_lab()
    DomainManaged(domain="fabrikam.com").apply(lab)
    call = Call.read("GET", LOGIN, f"/common/userrealm/{upn}?api-version=1.0", headers={"Host": LOGIN}, now=NOW)
    run_exchange(lab.provider, call, "office", None)
    (event,) = [record.event for record in lab.trace if isinstance(record.event, HttpExchange)]
    assert event.faults == faults


@pytest.mark.parametrize("upn", ["alice@contoso.com", "frank@fabrikam.com"])
def test_seamless_sso_is_a_setting_of_the_whole_tenant(upn: str) -> None:
    """``realm-managed`` changes the answers about every domain of the tenant."""
    lab = make_lab()
    fault_from({"fault": "realm-managed", "tenant": "contoso.com"}).apply(lab)
    call = Call.read("GET", LOGIN, f"/common/userrealm/{upn}?api-version=1.0", headers={"Host": LOGIN}, now=NOW)
    run_exchange(lab.provider, call, "office", None)
    (event,) = [record.event for record in lab.trace if isinstance(record.event, HttpExchange)]
    assert event.faults == (1,)
