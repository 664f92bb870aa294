"""Which HTTP exchanges a fault touches, what it sends, and what it refuses because it could touch nothing."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.estate import default_estate
from ssosim.faults import FaultError, HttpAnswer, HttpPage, HttpStatus, JwksKeyRemoved, fault_from
from ssosim.faults.core.exchanges import check_hosts
from ssosim.faults.credential_hosts.arc_key import ArcKey
from ssosim.faults.credential_hosts.pipelines_oidc import PipelinesOidc
from tests.faults.fault_board import LOGIN, NOW, STS, FaultBoard

REALM = "/common/userrealm/user@contoso.com?api-version=1.0"


def touches(fault: dict[str, Any], target: str = REALM, **request: str) -> bool:
    """Whether the fault changes this exchange."""
    board = FaultBoard()
    fault_from({"fault": "http-status", **fault}).apply(board.faults)
    return board.get(target, **request) is not None


@pytest.mark.parametrize(
    ("fault", "request_", "expected"),
    [
        ({}, {}, True),
        ({"host": LOGIN}, {"host": LOGIN}, True),
        ({"host": "LOGIN.microsoftonline.com."}, {"host": LOGIN}, True),
        ({"host": LOGIN}, {"host": STS}, False),
        ({"host": "microsoftonline.com"}, {"host": LOGIN}, False),
        ({"path": "/userrealm/"}, {}, True),
        ({"path": "userrealm"}, {}, True),
        ({"path": "/common/userrealm/user@contoso.com"}, {}, True),
        ({"path": "/USERREALM/"}, {}, True),
        ({"path": "/userrealm"}, {"target": "/common/UserRealm/x"}, True),
        ({"path": "/userrealm/"}, {"target": "/common/userrealm"}, False),
        ({"path": "/token"}, {}, False),
        ({"path": "/common"}, {"target": "/organizations/common"}, True),
        ({"path": "/"}, {"target": "/"}, True),
        ({"path": "/user@contoso.com"}, {"target": f"/common/userrealm/{quote('user@contoso.com')}"}, True),
        ({"clients": ["office"]}, {"client": "office"}, True),
        ({"clients": ["office"]}, {"client": "curl"}, False),
        ({"host": LOGIN, "path": "/userrealm/", "clients": ["curl"]}, {"client": "office"}, False),
        ({"host": STS, "path": "/userrealm/", "clients": ["office"]}, {"client": "office"}, False),
    ],
)
def test_host_part_of_the_path_and_client_limit_a_fault(
    fault: dict[str, Any], request_: dict[str, str], *, expected: bool
) -> None:
    """Host names ignore case (RFC 4343), and so do the paths of the identity provider; a path is compared decoded."""
    assert touches(fault, **request_) is expected


@pytest.mark.parametrize("path", ["/token?grant_type=password", "/adfs/services/trust/mex?wsdl", "/x#y", "?"])
@pytest.mark.parametrize("kind", ["http-status", "http-silent", "http-page", "http-dropped", "jwks-key-removed"])
def test_a_path_with_a_query_is_refused(kind: str, path: str) -> None:
    """RFC 3986 section 3.3: the path ends at ``?`` or ``#``, so no path contains one, and the fault touches nothing."""
    with pytest.raises(FaultError, match=r"a path has no '[?#]': give the part before it"):
        fault_from({"fault": kind, "path": path})


@pytest.mark.parametrize(
    ("fault", "status"),
    [(HttpStatus(), 503), (HttpStatus(status=429, retry_after=7), 429), (HttpStatus(status=404), 404)],
)
def test_a_status_is_sent_without_a_body(fault: HttpStatus, status: int) -> None:
    """503 by default (RFC 9110 section 15.6.4); ``Retry-After`` is in whole seconds (section 10.2.3)."""
    effect = fault.effect_on(Call.read("GET", LOGIN, "/x", now=NOW))
    assert effect.reply is not None
    assert (effect.reply.status, effect.reply.body) == (status, b"")
    assert effect.reply.headers == ((("Retry-After", "7"),) if fault.retry_after else ())
    assert effect.from_service, "the service itself fails, and nothing in between"


def test_a_retry_after_of_zero_is_sent() -> None:
    """0 seconds is a value, and not the absence of the field."""
    effect = HttpStatus(retry_after=0).effect_on(Call.read("GET", LOGIN, "/x", now=NOW))
    assert effect.reply is not None
    assert effect.reply.headers == (("Retry-After", "0"),)


def test_a_code_has_its_retry_after_too() -> None:
    """With ``code`` the endpoint forms the error; the header field is passed on, and a status of its own as well."""
    effect = HttpStatus(code=90033, status=500, retry_after=30).effect_on(Call.read("GET", LOGIN, "/x", now=NOW))
    assert effect.error is not None
    assert (effect.error.code, effect.error.status) == (90033, 500)
    assert effect.error_headers == (("Retry-After", "30"),)
    assert effect.reply is None


@given(st.text(st.sampled_from("<>&\"'/=aZü€{}%; "), max_size=40))
@settings(max_examples=60, deadline=None)
def test_the_title_of_a_page_is_text_and_no_markup(title: str) -> None:
    """Whatever the title, the page has one heading with that text (HTML section 13.1.2)."""
    effect = HttpPage(title=f"A{title}Z").effect_on(Call.read("GET", LOGIN, "/x", now=NOW))
    assert effect.reply is not None
    body = effect.reply.body.decode()
    assert body.count("<h1>") == body.count("</h1>") == body.count("<title>") == 1
    (heading,) = lxml.html.fromstring(body).iter("h1")
    assert "".join(heading.itertext()) == f"A{title}Z"


@pytest.mark.parametrize(("status", "ok"), [(199, False), (200, True), (302, True), (599, True), (600, False)])
@pytest.mark.parametrize("kind", ["http-answer", "http-page"])
def test_an_answer_has_a_final_status(kind: str, status: int, *, ok: bool) -> None:
    """RFC 9110 section 15: 1xx are interim responses, and there are no statuses from 600 on."""
    if ok:
        assert fault_from({"fault": kind, "status": status})
    else:
        with pytest.raises(FaultError, match=f"status {status} is not between 200 and 599"):
            fault_from({"fault": kind, "status": status})


@pytest.mark.parametrize(("status", "ok"), [(399, False), (400, True), (599, True), (600, False)])
@pytest.mark.parametrize("kind", ["http-status", "managed-identity-status"])
def test_an_error_has_an_error_status(kind: str, status: int, *, ok: bool) -> None:
    """RFC 9110 sections 15.5 and 15.6: errors are 400 to 599; another status would be no fault."""
    if ok:
        assert fault_from({"fault": kind, "status": status})
    else:
        with pytest.raises(FaultError, match=f"status {status} is not between 400 and 599"):
            fault_from({"fault": kind, "status": status})


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "Transfer-Encoding", "CONNECTION"])
def test_framing_is_not_a_header_of_the_user(name: str) -> None:
    """RFC 9112 section 6: these fields say where the message ends; a wrong one would break the connection instead."""
    with pytest.raises(FaultError, match="is not for you to say"):
        fault_from({"fault": "http-answer", "headers": {name: "1"}})


def test_the_content_type_is_said_once() -> None:
    """A header field of that name would be a second one beside ``content_type``."""
    with pytest.raises(FaultError, match="has a key of its own: content_type"):
        fault_from({"fault": "http-answer", "headers": {"content-type": "text/plain"}})


def test_an_answer_is_sent_as_it_is_written() -> None:
    """Body as UTF-8, header fields in their order, and the trace does not call it an answer of something else."""
    fault = HttpAnswer(status=418, body="Grüße", headers={"X-B": "2", "X-A": "1"})
    effect = fault.effect_on(Call.read("GET", LOGIN, "/x", now=NOW))
    assert effect.reply == HttpReply(418, "Grüße".encode(), "text/html; charset=utf-8", (("X-B", "2"), ("X-A", "1")))
    assert effect.from_service
    page = HttpPage().effect_on(Call.read("GET", LOGIN, "/x", now=NOW))
    assert not page.from_service, "a firewall is not the service"


@pytest.mark.parametrize(
    ("target", "is_touched"),
    [
        ("/common/discovery/v2.0/keys", True),
        ("/common/discovery/keys", True),
        ("/common/discovery/instance", False),
        ("/common/v2.0/.well-known/openid-configuration", False),
        ("/common/discovery/keys/more", False),
    ],
)
def test_only_documents_of_keys_lose_their_keys(target: str, *, is_touched: bool) -> None:
    """OpenID Connect Discovery section 3: ``jwks_uri`` is the document with the keys; all others stay."""
    board = FaultBoard()
    JwksKeyRemoved().apply(board.faults)
    assert (board.get(target) is not None) is is_touched


@pytest.mark.parametrize(("status", "body"), [(200, b'{"keys":[]}'), (304, b"old"), (503, b"old")])
def test_a_document_without_keys_is_a_good_answer(status: int, body: bytes) -> None:
    """RFC 7517 section 5: the member ``keys`` is an array, here an empty one. An error stays the error that it is."""
    effect = JwksKeyRemoved().effect_on(Call.read("GET", LOGIN, "/common/discovery/keys", now=NOW))
    assert effect is not None
    assert effect.change is not None
    assert effect.change(HttpReply(status, b"old", "application/json")).body == body


@pytest.mark.parametrize("limit", [{"clients": ["web"]}, {"first": 1}, {"probability": 0.5}, {"host": "127.0.0.1"}])
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "arc-key", "how": "forbidden"},
        {"fault": "arc-key", "how": "too-large"},
        {"fault": "pipelines-oidc", "how": "token-not-mapped"},
    ],
)
def test_a_condition_of_files_has_no_limit_to_exchanges(fault: dict[str, Any], limit: dict[str, Any]) -> None:
    """What all programs find when they start cannot be limited to requests: such a limit is refused, not dropped."""
    (name,) = limit
    with pytest.raises(FaultError, match=f"leave {name} out"):
        fault_from({**fault, **limit})
    assert fault_from(fault)
    assert fault_from({**fault, "for_s": 5})


@pytest.mark.parametrize("how", ["missing", "elsewhere", "no-realm"])
def test_a_challenge_can_be_limited_to_requests(how: str) -> None:
    """A challenge is an answer to a request, so the limits of answers apply to it."""
    assert ArcKey(how=how, first=1, clients=("web",)).first == 1  # type: ignore[arg-type]
    assert PipelinesOidc(how="unauthorized", first=1).first == 1


def test_a_seed_of_the_scenario_is_no_limit() -> None:
    """A scenario adds its seed to each fault with random numbers, also to one that draws none."""
    assert ArcKey(how="forbidden", seed=7).seed == 7


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"fault": "http-silent", "host": "login.microsoftonline.example"}, "nothing is served at"),
        ({"fault": "certificate-untrusted", "host": "dc1.corp.contoso.com"}, "nothing is served at"),
        ({"fault": "http-status", "code": 50126, "host": STS}, "sends no AADSTS codes"),
    ],
)
def test_a_host_without_the_service_is_refused(fault: dict[str, Any], words: str) -> None:
    """At such a host the fault could never have an effect; the message has the hosts that there are."""
    board = FaultBoard()
    board.faults.watch(lambda state: check_hosts(state, default_estate()))
    with pytest.raises(FaultError, match=words):
        fault_from(fault).apply(board.faults)
    assert board.faults.active == ()
    assert board.get(host=STS) is None
