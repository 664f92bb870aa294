"""Where the parameters of a request are, and what separates them: nothing is read from another place.

Sources: RFC 6749, sections 2.3.1, 3.2 and 3.3; RFC 6750, sections 2 and 3.1; RFC 8628, section 3.1; the WHATWG URL
Standard (forms); omniauth-office365 issue 1, EVE-IPH pull request 110 (separators of scopes).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, read_fields
from ssosim.entra.oauth.client_authentication import ClientCredential, read_client_credential
from ssosim.entra.oauth.requested_access import OIDC_SCOPES, read_requested_access

from .conftest import ALICE, FORM, LOGIN, NOON, PASSWORD
from .estate_of_applications import (
    API,
    BOTH,
    CLI,
    CONTOSO,
    DAEMON,
    GRAPH,
    SECRET,
    WEB,
    app_form,
    make_estate,
    password_form,
)


@pytest.mark.parametrize("separator", [",", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\x1c", ";", "+", "%20", "\x0b"])
@pytest.mark.parametrize(
    "scopes", [("openid", "profile"), (f"{GRAPH}/User.Read", f"{GRAPH}/Mail.Read"), ("openid", "User.Read")]
)
def test_only_a_blank_separates_scopes(scopes: tuple[str, str], separator: str) -> None:
    """Scopes that a comma, a tab, a line end or a wide blank joins are one malformed scope, or one of no known API."""
    try:
        resource = read_requested_access({"scope": separator.join(scopes)}, "2.0").resource
    except AadstsError as error:
        assert error.code == 70011  # noqa: PT017 - both ways out are right
    else:
        assert resource == separator.join((scopes[0], GRAPH))
    joined = read_requested_access({"scope": "  ".join(("", *scopes, ""))}, "2.0")
    assert joined.scopes == scopes


@settings(max_examples=80)
@given(
    st.lists(
        st.sampled_from([*sorted(OIDC_SCOPES), "User.Read", f"{GRAPH}/Mail.Read", f"{GRAPH}/User.Read"]), min_size=1
    )
)
def test_order_and_repetition_of_scopes_do_not_matter(scopes: list[str]) -> None:
    """The same scopes in another order, or twice, ask for the same access; a scope is never lost."""
    one = read_requested_access({"scope": " ".join(scopes)}, "2.0")
    other = read_requested_access({"scope": " ".join([*reversed(scopes), *scopes])}, "2.0")
    assert set(one.scopes) == set(other.scopes) == set(scopes)
    assert (one.resource, one.id_token, one.refresh_token) == (
        other.resource,
        "openid" in scopes,
        "offline_access" in scopes,
    )
    assert len(one.scopes) == len(set(scopes))


@settings(max_examples=120)
@given(st.text(max_size=40))
@example("https://graph.microsoft.com//.default")
@example("api://x/ .default")
def test_any_scope_is_read_or_refused(text: str) -> None:
    """Whatever a scope is, it is read as it was sent, or refused with the codes for scopes."""
    try:
        access = read_requested_access({"scope": text}, "2.0")
    except AadstsError as error:
        assert error.code in (70011, 900144, 28000)  # noqa: PT017 - both ways out are right
        return
    assert list(access.scopes) == list(dict.fromkeys(each for each in text.split(" ") if each))


def ask_device_code(site: Any, version: str, query: dict[str, str], body: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Start the device code flow with parameters in two places."""
    target = f"/{CONTOSO}/oauth2{version}/devicecode?{urlencode(query)}"
    reply = site.ask("POST", LOGIN, target, headers=FORM, body=urlencode(body).encode())
    return reply.status, json.loads(reply.body)


@pytest.mark.parametrize(
    ("version", "query", "body", "codes"),
    [
        ("/v2.0", {}, {"client_id": CLI, "scope": "openid"}, None),
        ("/v2.0", {"client_id": CLI}, {"scope": "openid"}, [900144]),
        ("/v2.0", {"scope": "openid"}, {"client_id": CLI}, [900144]),
        ("/v2.0", {"client_id": "x", "scope": "y z"}, {"client_id": CLI, "scope": "openid"}, None),
        ("", {"client_id": CLI, "resource": GRAPH, "api-version": "1.0"}, {}, None),
        ("", {"client_id": DAEMON, "resource": GRAPH, "client_secret": "wrong"}, {}, None),
        ("", {"client_id": DAEMON, "resource": GRAPH}, {"client_secret": "wrong"}, [7000215]),
        ("", {"client_id": CLI, "resource": GRAPH, "client_assertion": "x", "client_assertion_type": "y"}, {}, None),
    ],
)
def test_a_device_code_is_asked_for_in_the_body(make_site, version, query, body, codes):
    """Version 2.0 reads the body alone; version 1.0 also what ADAL puts into the query, but never a credential."""
    status, answer = ask_device_code(make_site(make_estate()), version, query, body)
    assert (status == 200, answer.get("error_codes")) == (codes is None, codes)


def test_nothing_in_the_query_is_a_parameter_of_a_token_request(make_site):
    """The token endpoint reads the body: what is in the query neither completes a request nor changes it."""
    site = make_site(make_estate())
    good = password_form(CLI, f"{GRAPH}/.default")
    for name in good:
        rest = {key: value for key, value in good.items() if key != name}
        target = f"/{CONTOSO}/oauth2/v2.0/token?{urlencode({name: good[name]})}"
        reply = site.ask("POST", LOGIN, target, headers=FORM, body=urlencode(rest).encode())
        assert (reply.status, reply.code) == (400, 900144), name
    target = f"/{CONTOSO}/oauth2/v2.0/token?{urlencode({'client_id': 'x', 'scope': 'y', 'password': 'z'})}"
    assert site.ask("POST", LOGIN, target, headers=FORM, body=urlencode(good).encode()).status == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Bearer {t}"], 200),
        (["bearer  {t} "], 200),
        (["Bearer {t}", "Bearer {t}"], 400),
        (["Bearer {t}", "Basic YTpi"], 400),
        (["Bearer {t} {t}"], 401),
        (["Bearer"], 401),
        (["{t}"], 401),
        ([], 401),
    ],
)
def test_userinfo_takes_one_token_in_the_header(make_site, fields, status):
    """Two header fields, two tokens or another scheme are no token (RFC 6750, sections 2.1 and 3.1)."""
    site = make_site(make_estate())
    token = site.token(password_form(CLI, f"openid {GRAPH}/.default"), CONTOSO)[1]["access_token"]
    headers = CIMultiDict([("Authorization", each.replace("{t}", token)) for each in fields])
    reply = site.ask("GET", LOGIN, "/common/openid/userinfo", headers=headers)
    assert reply.status == status
    challenges = [value for name, value in reply.headers if name == "WWW-Authenticate"]
    assert [each.startswith("Bearer ") for each in challenges] == ([] if status == 200 else [True])
    query = site.ask("GET", LOGIN, f"/common/openid/userinfo?access_token={token}")
    assert query.status == 401


def basic(name: str, secret: str) -> CIMultiDict[str]:
    """HTTP Basic with form-encoded parts, as RFC 6749 demands."""
    import base64  # noqa: PLC0415
    from urllib.parse import quote_plus  # noqa: PLC0415

    value = base64.b64encode(f"{quote_plus(name)}:{quote_plus(secret)}".encode()).decode()
    return CIMultiDict({"Authorization": f"Basic {value}"})


@settings(max_examples=80)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
@example("a:b", "c:d")
@example("a%20b", "+ %2B")
def test_basic_has_name_and_secret_form_encoded(name: str, secret: str) -> None:
    """Colons, blanks, percent signs and other letters come back as they were (RFC 6749, section 2.3.1, appendix B)."""
    name = f"a{name}z"  # blanks around a client id do not count
    assert read_client_credential({}, basic(name, secret)) == (name, ClientCredential(secret))


@pytest.mark.parametrize(
    ("form", "header", "code"),
    [
        ({"client_id": DAEMON}, "Basic %%%", 9002313),
        ({"client_id": DAEMON}, "Basic /w==", 9002313),
        ({"client_id": DAEMON}, "Basic YTpi", 9002313),
        ({"client_secret": "x"}, "Basic YTpi", 9002313),
        ({"client_assertion": "x"}, "Basic YTpi", 9002313),
        ({"client_assertion_type": "x"}, "Basic YTpi", 9002313),
        ({"client_id": DAEMON, "client_secret": "x", "client_assertion": "y"}, None, 9002313),
        ({"client_secret": "x"}, None, 900144),
        ({"client_id": "  "}, None, 900144),
        ({}, "Bearer x", 900144),
    ],
)
def test_a_client_that_says_two_things_is_refused(form, header, code):
    """Two ways to authenticate, two names, a malformed header, or no name at all."""
    headers = CIMultiDict({} if header is None else {"Authorization": header})
    with pytest.raises(AadstsError) as caught:
        read_client_credential(form, headers)
    assert caught.value.code == code


def test_a_secret_by_basic_is_as_good_as_in_the_form(make_site):
    """client_secret_basic and client_secret_post are both supported (OpenID configuration), with the same checks."""
    site = make_site(make_estate())
    form = {"grant_type": "client_credentials", "scope": f"{API}/.default"}

    def ask(headers: Any) -> tuple[int, int | None]:
        target = f"/{CONTOSO}/oauth2/v2.0/token"
        reply = site.ask("POST", LOGIN, target, headers=CIMultiDict({**FORM, **headers}), body=urlencode(form).encode())
        return reply.status, reply.code

    assert ask(basic(DAEMON, SECRET)) == (200, None)
    assert ask(basic(DAEMON, "wrong")) == (401, 7000215)
    assert ask(basic(DAEMON, "")) == (401, 7000216)
    assert ask(basic(CLI, SECRET))[0] == 401


def test_each_kind_of_client_sends_what_it_must(make_site):
    """A public client sends no secret, a confidential one its own: the type of the application decides."""
    site = make_site(make_estate())
    for client, secret, code in ((BOTH, None, None), (BOTH, SECRET, 700025), (WEB, None, 7000218), (WEB, SECRET, None)):
        form = password_form(client, f"{GRAPH}/User.Read", ALICE, PASSWORD)
        status, body = site.token(form if secret is None else form | {"client_secret": secret}, CONTOSO)
        assert (status == 200, body.get("error_codes")) == (code is None, None if code is None else [code])
    assert site.token(app_form(DAEMON, f"{API}/.default"), CONTOSO)[0] == 200


@settings(max_examples=120)
@given(st.text(alphabet="abc=&%+;20\u00e4\U0001f600 \x00", max_size=40))
@example("%zz=%&=&a=b=c&&;")
@example("a=b&c=&a=2&%61&b=a")
def test_fields_are_read_as_by_the_standard_library(text: str) -> None:
    """Names and values are those of parse_qsl with blank values; so are those that are there twice."""
    pairs = parse_qsl(text, keep_blank_values=True)
    repeated: list[str] = []
    assert read_fields(text, 256, repeated) == dict(pairs)
    names = [name for name, _ in pairs]
    assert repeated == [name for at, name in enumerate(names) if name in names[:at]]


@pytest.mark.parametrize(("fields", "good"), [(255, True), (256, True), (257, False)])
def test_the_number_of_fields_is_bounded(fields: int, good: bool) -> None:
    """More fields than the limit are refused as a whole, not cut."""
    text = "&".join(f"a{number}=1" for number in range(fields))
    if good:
        assert len(read_fields(text, 256)) == fields
    else:
        with pytest.raises(ValueError, match="256 fields"):
            read_fields(text, 256)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/common/oauth2/token", ("common", "oauth2", "token"), {}),
        ("/a%2Fb/c?d=%26", ("a/b", "c"), {"d": "&"}),
        ("/a/b#c?d=e", ("a", "b#c"), {"d": "e"}),
        ("/a?b=c#d=e", ("a",), {"b": "c"}),
        ("/a?b=1&b=2", ("a",), {"b": "2"}),
        ("https://other.example/x?y=z", ("x",), {"y": "z"}),
        ("https://other.example", ("",), {}),
        ("/", ("",), {}),
    ],
)
def test_a_target_is_path_and_query(target: str, path: tuple[str, ...], query: dict[str, str]) -> None:
    """Segments are decoded after they are split, a fragment is cut off, a repeated parameter is noted."""
    call = Call.read("GET", "login.example:443", target, now=NOON)
    assert (call.path, dict(call.query), call.repeated) == (path, query, "b" if "b=1" in target else "")
    assert call.host == ("other.example" if target.startswith("https") else "login.example")


@pytest.mark.parametrize(
    ("host", "read"),
    [
        ("Login.Example", "login.example"),
        ("login.example.:8443", "login.example"),
        ("login.example:", "login.example:"),
        ("login.example:x", "login.example:x"),
        ("user@login.example", ""),
        ("[::1]:443", "[::1]"),
        ("", ""),
    ],
)
def test_a_host_is_compared_without_port_and_case(host: str, read: str) -> None:
    """A port of digits and the last dot are cut off; a host with a user name is none (RFC 9110, section 4.2.4)."""
    assert Call.read("GET", host, "/", now=NOON).host == read


@pytest.mark.parametrize(
    ("header", "query", "used"),
    [
        ("7B6A1F0E-1111-4222-8333-444455556666", None, "7b6a1f0e-1111-4222-8333-444455556666"),
        ("{7b6a1f0e-1111-4222-8333-444455556666}", None, "7b6a1f0e-1111-4222-8333-444455556666"),
        (None, "7b6a1f0e-1111-4222-8333-444455556666", "7b6a1f0e-1111-4222-8333-444455556666"),
        ("not-a-guid", "7b6a1f0e-1111-4222-8333-444455556666", ""),
        ("7b6a1f0e-1111-4222-8333-444455556666\n", None, ""),
        ("<script>", None, ""),
        (None, None, ""),
    ],
)
def test_the_request_id_of_a_caller_is_a_guid_or_none(header: str | None, query: str | None, used: str) -> None:
    """Header before query; any other text of the caller is never repeated, and a new id is made."""
    headers = CIMultiDict({"client-request-id": header} if header is not None else {})
    call = Call.read(
        "GET", "h", f"/?{urlencode({'client-request-id': query})}" if query else "/", headers=headers, now=NOON
    )
    assert call.read_own_id() == used
    assert len(call.correlation_id) == 36
    assert (call.correlation_id == used) == bool(used)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": f"{CLI}\n"}, 700016),
        ({"client_id": f" {CLI}"}, 700016),
        ({"grant_type": "password "}, 70003),
        ({"grant_type": "password\r\n"}, 70003),
    ],
)
def test_white_space_around_a_value_belongs_to_it(site, changes, code):
    """A line end that a file or a variable added is not cut off: the value is another one (unconfirmed, so refused)."""
    form = {"client_id": CLI, "grant_type": "password", "username": ALICE, "password": PASSWORD, "scope": "openid"}
    assert site.token(form)[0] == 200
    assert site.token(form | changes)[1]["error_codes"] == [code]
