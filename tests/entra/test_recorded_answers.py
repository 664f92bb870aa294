"""The lab's answers beside what public libraries recorded from the real service (``recorded_rows``)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from lxml import etree
from multidict import CIMultiDict

from ssosim.entra import Call
from ssosim.entra.http.exchange import headers_of, run_exchange
from ssosim.faults import HttpStatus
from tests.entra.conftest import Browser
from tests.entra.estate_of_applications import (
    ALICE,
    ALICE_PASSWORD,
    BOB,
    BOB_PASSWORD,
    CLI,
    CONTOSO,
    DAEMON,
    GRAPH,
    LITWARE,
    PUBLIC,
    SECRET,
    WEB,
    app_form,
    claims_of,
    make_estate,
    password_form,
)
from tests.entra.estate_of_applications import API as ORDERS_API
from tests.entra.proofs import CLIENT, assertion_form, estate_with
from tests.entra.proofs import assertion as sign_assertion
from tests.entra.recorded_rows import RECORDED_ROWS, SOURCES, RecordedRow

LOGIN = "login.microsoftonline.com"
ARM = "https://management.azure.com"
MSAL_SCOPES = "openid profile offline_access"
SOAP, XML_WSP = "{http://www.w3.org/2003/05/soap-envelope}", "{http://schemas.xmlsoap.org/ws/2004/09/policy}"
TRUST_13 = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
SAML = "{urn:oasis:names:tc:SAML:1.0:assertion}"


@dataclass
class Answer:
    """An answer of the lab. ``found`` are fields that an exchange has read itself."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    document: Any = None
    found: dict[str, Any] = field(default_factory=dict)
    now: int = 0


class Lab:
    """Sends the requests of the recordings to sites without sockets."""

    def __init__(self, make_site: Any) -> None:
        self._make_site = make_site
        self.site = make_site(make_estate())

    def other(self, **how: Any) -> Lab:
        """A lab with another estate, user or cloud."""
        lab = Lab.__new__(Lab)
        lab._make_site, lab.site = self._make_site, self._make_site(**how)
        return lab

    def send(self, method: str, target: str, form: Any = None, fault: Any = None, **headers: str) -> Answer:
        """One exchange at the login host."""
        body = urlencode(form).encode() if form is not None else b""
        given = CIMultiDict({**(self.site.FORM if form is not None else {}), **headers})
        call = Call.read(method, LOGIN, target, headers=given, body=body, now=self.site.clock.now())
        effect = fault.effect_on(call) if fault is not None else None
        reply = run_exchange(self.site.provider, call, "desk-1", effect)
        assert reply is not None
        sent = dict(headers_of(self.site.provider, call, reply)) | {"Content-Type": reply.content_type}
        return Answer(reply.status, sent, json.loads(reply.body), now=int(self.site.clock.now()))

    def token(self, form: Any, tenant: str = CONTOSO, *, v1: bool = False, **more: Any) -> Answer:
        """POST to the token endpoint."""
        return self.send("POST", f"/{tenant}/oauth2{'' if v1 else '/v2.0'}/token", form, **more)

    def code(self, *, then: Callable[[], None] = lambda: None, **changes: Any) -> Any:
        """Sign in at the page, and redeem the code with ``changes``; a key with ``ask_`` is of the page's request."""
        browser = Browser(self.site)
        asked = {name[4:]: value for name, value in changes.items() if name.startswith("ask_")}
        redeemed = {name: value for name, value in changes.items() if not name.startswith("ask_")}
        code = browser.code(**asked)
        then()
        form = {
            "client_id": CLI, "grant_type": "authorization_code", "code": code, "redirect_uri": "http://localhost:8400",
            "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", **redeemed,
        }  # fmt: skip
        return lambda: self.token({name: value for name, value in form.items() if value is not None}, "organizations")

    def device(self, *, v1: bool = False) -> Answer:
        """Ask for a device code."""
        form = {"client_id": CLI} | ({"resource": ARM} if v1 else {"scope": f"{MSAL_SCOPES} {ARM}/.default"})
        return self.send("POST", f"/organizations/oauth2{'' if v1 else '/v2.0'}/devicecode", form)

    def poll(self, *, v1: bool = False, after: float = 0.0) -> Answer:
        """Poll for a device code that nobody has entered."""
        code = self.device(v1=v1).document["device_code"]
        self.site.clock.advance(after)
        return self.token({"client_id": CLI, "grant_type": "device_code", "device_code": code}, "organizations", v1=v1)


def _discovery(lab: Lab, path: str) -> Answer:
    query = urlencode({"api-version": "1.1", "authorization_endpoint": f"https://{LOGIN}{path}"})
    return lab.send("GET", f"/common/discovery/instance?{query}")


def _revoked(lab: Lab) -> Answer:
    return lab.token({"client_id": CLI}, fault=HttpStatus(code=50173))


def _twice(lab: Lab) -> Answer:
    redeem = lab.code()
    assert redeem().status == 200
    answer: Answer = redeem()
    return answer


def _expired_code(lab: Lab) -> Answer:
    answer: Answer = lab.code(then=lambda: lab.site.clock.advance(601))()
    return answer


def _decoy(lab: Lab) -> Answer:
    answer: Answer = lab.code(ask_code_challenge=None, ask_code_challenge_method=None, code_verifier="decoy")()
    return answer


def _no_origin(lab: Lab) -> Answer:
    uri = "https://orders.contoso.com/spa"
    asked = {"ask_client_id": WEB, "ask_redirect_uri": uri, "ask_tenant": CONTOSO, "ask_scope": "openid"}
    browser_code = lab.code(**asked, client_id=WEB, redirect_uri=uri)
    answer: Answer = browser_code()
    return answer


def _expired_secret(lab: Lab) -> Answer:
    secrets = ({"value": "old", "end_date_time": "2020-01-01T00:00:00Z"},)
    changed = lab.other(estate=estate_with(certificates=(), secrets=_secrets(secrets)))
    return changed.token(app_form(CLIENT, f"{GRAPH}/.default", "old"))


def _secrets(rows: Any) -> Any:
    import msgspec  # noqa: PLC0415

    from ssosim.estate import ClientSecret  # noqa: PLC0415

    return tuple(msgspec.convert(row, ClientSecret) for row in rows)


def _certificate(lab: Lab, text: str) -> Answer:
    return lab.other(estate=estate_with()).token(assertion_form(text))


def _mex(lab: Lab) -> Answer:
    body = lab.site.ask("GET", lab.site.STS, "/adfs/services/trust/mex").body
    root = etree.fromstring(body)
    policies = {
        next(value for name, value in policy.attrib.items() if name.endswith("}Id")): policy
        for policy in root.findall(f"{XML_WSP}Policy")
    }
    windows = policies["CustomBinding_IWSTrustFeb2005Async_policy"]
    password = policies["UserNameWSTrustBinding_IWSTrustFeb2005Async_policy"]
    supporting = "{http://schemas.xmlsoap.org/ws/2005/07/securitypolicy}SignedSupportingTokens"
    found = {
        "root": root.tag,
        "name": root.get("name"),
        "targetNamespace": root.get("targetNamespace"),
        "policies": list(policies),
        "windows policy": next(each.tag for each in windows.iter() if "Negotiate" in str(each.tag)),
        "password policy": next((each.tag for each in password.iter(supporting)), None),
    }
    return Answer(found=found)


def _adfs(lab: Lab, user: str, password: str) -> Any:
    rst = lab.site.rst("13", user=user, password=password)
    return etree.fromstring(lab.site.ask("POST", lab.site.STS, "/adfs/services/trust/13/usernamemixed", body=rst).body)


def _adfs_fault(lab: Lab) -> Answer:
    root = _adfs(lab, "frank@fabrikam.com", "wrong")
    subcode = root.find(f".//{SOAP}Subcode/{SOAP}Value")
    prefix = subcode.text.partition(":")[0]
    found = {
        "code": root.find(f".//{SOAP}Code/{SOAP}Value").text,
        "subcode prefix": prefix,
        "subcode namespace": subcode.nsmap.get(prefix),
        "language": root.find(f".//{SOAP}Text").get("{http://www.w3.org/XML/1998/namespace}lang"),
    }
    return Answer(found=found)


def _adfs_response(lab: Lab) -> Answer:
    user = next(each for each in lab.site.provider.estate.users if each.upn == "frank@fabrikam.com")
    root = _adfs(lab, user.upn, user.password)
    names = [each.get("AttributeName") for each in root.iter(f"{SAML}Attribute")]
    found = {
        "body child": root.find(f"{SOAP}Body")[0].tag,
        "audience": next(root.iter(f"{SAML}Audience")).text,
        "confirmation": next(root.iter(f"{SAML}ConfirmationMethod")).text,
        "signature": next(root.iter("{http://www.w3.org/2000/09/xmldsig#}SignatureMethod")).get("Algorithm"),
        "attributes": names,
    }
    return Answer(found=found)


def _family(lab: Lab) -> Answer:
    return lab.token(password_form(CLI, f"{MSAL_SCOPES} {ARM}/.default", client_info="1"), "organizations")


EXCHANGES: dict[str, Callable[[Lab], Answer]] = {
    "instance discovery": lambda lab: _discovery(lab, "/organizations/oauth2/v2.0/authorize"),
    "instance discovery, version 1.0": lambda lab: _discovery(lab, "/common/oauth2/authorize"),
    "OpenID configuration": lambda lab: lab.send("GET", "/organizations/v2.0/.well-known/openid-configuration"),
    "OpenID configuration of a tenant": lambda lab: lab.send(
        "GET", f"/{CONTOSO}/v2.0/.well-known/openid-configuration"
    ),
    "OpenID configuration of an unknown tenant": lambda lab: lab.send(
        "GET", "/nobody.example/v2.0/.well-known/openid-configuration"
    ),
    "realm of a managed user": lambda lab: lab.send("GET", f"/common/UserRealm/{ALICE}?api-version=1.0"),
    "wrong secret": lambda lab: lab.token(app_form(DAEMON, f"{GRAPH}/.default", "wrong")),
    "expired secret": _expired_secret,
    "unknown certificate": lambda lab: _certificate(lab, sign_assertion("stranger")),
    "client assertion that is no JWT": lambda lab: _certificate(lab, "client_assertion"),
    "no credential": lambda lab: lab.token(app_form(DAEMON, f"{GRAPH}/.default", None)),
    "wrong password": lambda lab: lab.token(password_form(CLI, f"{ARM}/.default", ALICE, "wrong")),
    "unknown user": lambda lab: lab.token(password_form(CLI, f"{ARM}/.default", "nobody@contoso.com", "wrong")),
    "unknown application": lambda lab: lab.token(app_form(DAEMON, f"{GRAPH}/.default"), LITWARE),
    "code that was used": _twice,
    "code that has expired": _expired_code,
    "code that is malformed": lambda lab: lab.code(code="0.AAAA")(),
    "code with a wrong verifier": lambda lab: lab.code(code_verifier="x" * 43)(),
    "code without a challenge, with a verifier": _decoy,
    "code of a single-page application without Origin": _no_origin,
    "refresh token that is malformed": lambda lab: lab.token(
        {"client_id": CLI, "grant_type": "refresh_token", "refresh_token": "0.AAAA"}
    ),
    "refresh token that was revoked": _revoked,
    "scope without consent": lambda lab: lab.token(password_form(PUBLIC, f"{GRAPH}/Mail.Read")),
    "second factor required": lambda lab: lab.other(user={"mfa_required": True}).token(
        password_form(CLI, f"{ARM}/.default")
    ),
    "enrolment required, version 1.0": lambda lab: lab.token({"client_id": CLI}, v1=True, fault=HttpStatus(code=50079)),
    "unknown API": lambda lab: lab.token(password_form(CLI, "https://nothing.example/.default")),
    "scope that the API does not have": lambda lab: lab.token(password_form(PUBLIC, "mcp_read")),
    "scopes of two APIs": lambda lab: lab.token(password_form(CLI, f"{ARM}/user_impersonation {GRAPH}/User.Read.All")),
    "resource of another API, version 2.0": lambda lab: lab.token(
        password_form(CLI, f"{ARM}/.default", resource="https://mcp.example/")
    ),
    "request loop": lambda lab: lab.token({"client_id": CLI}, fault=HttpStatus(code=50196)),
    "password over /common": lambda lab: lab.token(password_form(CLI, f"{ARM}/.default"), "common"),
    "device code": lambda lab: lab.device(),
    "device code, version 1.0": lambda lab: lab.device(v1=True),
    "device code that is pending": lambda lab: lab.poll(),
    "device code that has expired, version 1.0": lambda lab: lab.poll(v1=True, after=901),
    "tokens of a family application": _family,
    "tokens for another API": lambda lab: lab.token(
        password_form(CLI, f"{MSAL_SCOPES} https://vault.azure.net/.default"), "organizations"
    ),
    "tokens for an API of a tenant": lambda lab: lab.token(
        password_form(PUBLIC, f"{MSAL_SCOPES} {ORDERS_API}/Orders.Read", BOB, BOB_PASSWORD)
    ),
    "tokens for Microsoft Graph": lambda lab: lab.token(
        password_form(WEB, f"{MSAL_SCOPES} email {GRAPH}/User.Read", ALICE, ALICE_PASSWORD, client_secret=SECRET)
    ),
    "token of an application": lambda lab: lab.token(app_form(DAEMON, f"{GRAPH}/.default")),
    "token of an application with an assertion": lambda lab: _certificate(lab, sign_assertion()),
    "access token, version 1.0": lambda lab: lab.token(password_form(CLI, f"{GRAPH}/.default")),
    "access token for names of scopes alone": lambda lab: lab.token(password_form(CLI, "User.Read.All")),
    "proof-of-possession token": lambda lab: lab.token(
        password_form(CLI, f"{GRAPH}/.default", token_type="pop", req_cnf="eyJraWQiOiJ4In0")
    ),
    "MEX document": _mex,
    "fault of a federation service, 1.3": _adfs_fault,
    "response of a federation service, 1.3": _adfs_response,
}


def _decode_part(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _decode_token(answer: Answer, name: str) -> dict[str, Any]:
    """The claims of a token, its header, and differences of its dates."""
    token = answer.document[name]
    claims = claims_of(token)
    length = claims["exp"] - claims["iat"]
    return claims | {
        "header": _decode_part(token.split(".")[0]),
        "exp - iat": length,
        "iat - now": claims["iat"] - answer.now,
        "exp - iat - expires_in": length - int(answer.document["expires_in"]),
    }


def _fields_of(answer: Answer) -> dict[str, Any]:
    """What an answer has beside the members of its body."""
    document = answer.document or {}
    found = {"status": answer.status, **{f"header {name}": value for name, value in answer.headers.items()}}
    if "error_description" in document:
        found["text"] = document["error_description"].partition(" Trace ID")[0]
    if "scope" in document:
        found["scope words"] = document["scope"].split()
    return found | answer.found


def read_field(answer: Answer, name: str) -> Any:
    """Return the field of an answer; None if it has none."""
    found = _fields_of(answer)
    if name in found or name.startswith("header "):
        return found.get(name)
    first, _, rest = name.partition(".")
    value = answer.document
    if rest and first in ("access_token", "id_token"):
        value, name = _decode_token(answer, first), rest
    elif rest and first == "client_info":
        value, name = _decode_part(value[first]), rest
    elif rest and first == "claims":
        value, name = json.loads(value[first]), rest
    for part in name.split("."):
        if part == "keys":
            value = [key for key in value if " " not in key and key != "header"]
        elif value is not None:
            value = value[int(part)] if isinstance(value, list) else value.get(part)
    return value


def agrees(row: RecordedRow, got: Any) -> bool:
    """Whether the lab's value is that of the row; ``{...}`` in a text stands for anything."""
    if row.match == "contains":
        return isinstance(row.value, list) and isinstance(got, list) and set(row.value) <= set(got)
    if not isinstance(row.value, str):
        return type(got) is type(row.value) and bool(got == row.value)
    pattern = re.sub(r"\\\{[a-z]+\\\}", ".+?", re.escape(row.value))
    matched = re.match if row.match == "starts" else re.fullmatch
    return isinstance(got, str) and matched(pattern, got) is not None


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    """The answers of the lab so far, by exchange."""
    return {}


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{number}-{row.exchange}-{row.field}") for number, row in enumerate(RECORDED_ROWS)]
)
def test_the_lab_answers_as_recorded(row: RecordedRow, answers: dict[str, Answer], make_site: Any) -> None:
    """Each value is that of the recording; a row with a reason for a difference differs indeed."""
    if row.exchange not in answers:
        answers[row.exchange] = EXCHANGES[row.exchange](Lab(make_site))
    got = read_field(answers[row.exchange], row.field)
    assert agrees(row, got) == (not row.difference), f"recorded {row.value!r}, the lab answers {got!r}"


def test_the_table_is_whole() -> None:
    """At least 60 rows; each source is used and has a repository, path and, for a file, a commit; no row twice."""
    assert len(RECORDED_ROWS) >= 60
    assert {row.source for row in RECORDED_ROWS} == set(SOURCES)
    assert {row.exchange for row in RECORDED_ROWS} == set(EXCHANGES)
    for source in SOURCES.values():
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", source.repository)
        assert re.fullmatch(r"issue \d+", source.path) or re.fullmatch(r"[0-9a-f]{40}", source.commit)
    keys = [(row.exchange, row.field, str(row.value)) for row in RECORDED_ROWS]
    assert len(set(keys)) == len(keys)
