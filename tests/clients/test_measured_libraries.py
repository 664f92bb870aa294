"""measured-libraries: what three Python libraries were seen to send, fault by fault, and how they ended.

Federated account, user name and password, one fresh process for each row. A step's count is of tries by the client, as
the fake servers saw them; where no request can arrive (an unresolvable name, a refused connection) it is of tries too.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from ssosim_clients.failures import (
    Failure,
    HttpFailure,
    NetworkFailure,
    OauthFailure,
    ProtocolFailure,
    Stage,
    StageFailure,
)
from ssosim_clients.models import Client, SignInState
from ssosim_clients.models.adal import ADAL_LIKE
from ssosim_clients.models.azure_identity import AZURE_IDENTITY
from ssosim_clients.models.msal import MSAL_PYTHON_ROPC
from ssosim_clients.ports import Headers, HttpResponse

from ssosim.estate import Estate, default_estate
from ssosim.testing import FEDERATED_UPN, STS, ClientEnvironment, Request, SignInStep

from .documents import soap_fault

MSAL, AZURE, ADAL = MSAL_PYTHON_ROPC, AZURE_IDENTITY, ADAL_LIKE
STEPS = (SignInStep.REALM, SignInStep.MEX, SignInStep.WSTRUST_PASSWORD, SignInStep.TOKEN)
MEX_HOST = "mex.fabrikam.com"

HTML = b"<html><body>Please accept the terms"
SERVER_UNKNOWN_REALM = b'{"ver":"1.0","account_type":"Unknown"}'
FAULT = soap_fault("ID3242: The security token could not be authenticated.")
INVALID_GRANT = b'{"error":"invalid_grant","error_codes":[50126],"error_description":"AADSTS50126: wrong"}'
THROTTLED = b'{"error":"temporarily_unavailable","error_description":"slow down"}'
DROPPED = NetworkFailure("read", "closed")


def _after(seconds: int) -> Headers:
    return Headers([("Retry-After", str(seconds))])


Change = Callable[[ClientEnvironment], None]


def answers(step: SignInStep, answer: HttpResponse | NetworkFailure) -> Change:
    """The fault: ``step`` is answered so, however often it is asked."""

    def change(environment: ClientEnvironment) -> None:
        environment.answers[step] = answer

    return change


def status(step: SignInStep, number: int, body: bytes = HTML, headers: Headers | None = None) -> Change:
    """The fault: this status."""
    return answers(step, HttpResponse(number, headers or Headers(), body))


def mex_name_gone(environment: ClientEnvironment) -> None:
    """The fault: only the MEX host has no address."""
    del environment.addresses[MEX_HOST]


def all_of(*changes: Change) -> Change:
    """The faults together."""

    def change(environment: ClientEnvironment) -> None:
        for each in changes:
            each(environment)

    return change


PASSWORD_TAKEN = answers(SignInStep.TOKEN, HttpResponse(200, body=b'{"token_type":"Bearer","access_token":"at"}'))
"""What the fake servers of the measurement said; the real service takes no federated user's password (AADSTS50056)."""

NETWORK, HTTP, UNREADABLE, REFUSED = NetworkFailure, HttpFailure, ProtocolFailure, OauthFailure
OK = None
End = type[Failure] | None

# fault: (tries of realm, MEX, WS-Trust, token; how it ended), for msal 1.39, azure-identity 1.27, adal 1.2.7
ROWS: dict[str, tuple[Change, tuple[str, End], tuple[str, End], tuple[str, End]]] = {
    "none": (lambda _: None, ("1111", OK), ("1111", OK), ("1111", OK)),
    "realm dropped": (answers(SignInStep.REALM, DROPPED), ("2000", NETWORK), ("4000", NETWORK), ("1000", NETWORK)),
    "realm 403 HTML": (status(SignInStep.REALM, 403), ("1000", HTTP), ("1000", HTTP), ("1000", HTTP)),
    "realm 500": (status(SignInStep.REALM, 500), ("1000", HTTP), ("4000", HTTP), ("1000", HTTP)),
    "realm 429 + Retry-After 2": (
        status(SignInStep.REALM, 429, headers=_after(2)), ("2000", HTTP), ("4000", HTTP), ("1000", HTTP),
    ),
    "realm 200 HTML": (status(SignInStep.REALM, 200), ("1000", UNREADABLE), ("1000", UNREADABLE), ("1000", UNREADABLE)),
    "realm 404": (all_of(status(SignInStep.REALM, 404), PASSWORD_TAKEN), ("1001", OK), ("1001", OK), ("1000", HTTP)),
    "realm Unknown": (
        all_of(status(SignInStep.REALM, 200, SERVER_UNKNOWN_REALM), PASSWORD_TAKEN),
        ("1001", OK), ("1001", OK), ("1000", UNREADABLE),
    ),
    "MEX host NXDOMAIN": (mex_name_gone, ("1200", NETWORK), ("1400", NETWORK), ("1111", OK)),
    "MEX refused": (
        answers(SignInStep.MEX, NetworkFailure("connect", "refused")),
        ("1200", NETWORK), ("1400", NETWORK), ("1111", OK),
    ),
    "MEX bad certificate": (
        answers(SignInStep.MEX, NetworkFailure("tls", "bad-certificate")),
        ("1200", NETWORK), ("1400", NETWORK), ("1111", OK),
    ),
    "MEX 403": (status(SignInStep.MEX, 403), ("1100", HTTP), ("1100", HTTP), ("1111", OK)),
    "MEX 500": (status(SignInStep.MEX, 500), ("1100", HTTP), ("1400", HTTP), ("1111", OK)),
    "MEX 200 HTML": (status(SignInStep.MEX, 200), ("1100", UNREADABLE), ("1100", UNREADABLE), ("1111", OK)),
    "MEX 200 empty": (status(SignInStep.MEX, 200, b""), ("1100", UNREADABLE), ("1100", UNREADABLE), ("1111", OK)),
    "WS-Trust 401 empty": (
        status(SignInStep.WSTRUST_PASSWORD, 401, b"", Headers([("WWW-Authenticate", "Negotiate")])),
        ("1110", UNREADABLE), ("1110", UNREADABLE), ("1110", HTTP),
    ),
    "WS-Trust 403": (
        status(SignInStep.WSTRUST_PASSWORD, 403),
        ("1110", UNREADABLE), ("1110", UNREADABLE), ("1110", HTTP),
    ),
    "WS-Trust 200 HTML": (
        status(SignInStep.WSTRUST_PASSWORD, 200), ("1110", UNREADABLE), ("1110", UNREADABLE), ("1110", UNREADABLE),
    ),
    "WS-Trust 500 SOAP fault": (
        status(SignInStep.WSTRUST_PASSWORD, 500, FAULT),
        ("1110", HTTP), ("1140", HTTP), ("1110", HTTP),
    ),
    "WS-Trust 503 HTML": (
        status(SignInStep.WSTRUST_PASSWORD, 503), ("1110", UNREADABLE), ("1140", UNREADABLE), ("1110", HTTP),
    ),
    "WS-Trust dropped": (
        answers(SignInStep.WSTRUST_PASSWORD, DROPPED),
        ("1110", NETWORK), ("1140", NETWORK), ("1110", NETWORK),
    ),
    "token 429": (status(SignInStep.TOKEN, 429, THROTTLED), ("1111", REFUSED), ("1114", REFUSED), ("1111", REFUSED)),
    "token 429 + Retry-After 2": (
        status(SignInStep.TOKEN, 429, THROTTLED, _after(2)), ("1111", REFUSED), ("1114", REFUSED), ("1111", REFUSED),
    ),
    "token 500 HTML": (status(SignInStep.TOKEN, 500), ("1111", HTTP), ("1114", HTTP), ("1111", HTTP)),
    "token 503 JSON": (status(SignInStep.TOKEN, 503, b"{}"), ("1111", HTTP), ("1114", HTTP), ("1111", HTTP)),
    "token 400 invalid_grant": (
        status(SignInStep.TOKEN, 400, INVALID_GRANT), ("1111", REFUSED), ("1111", REFUSED), ("1111", REFUSED),
    ),
    "token 200 HTML": (status(SignInStep.TOKEN, 200), ("1111", UNREADABLE), ("1111", UNREADABLE), ("1111", UNREADABLE)),
    "token dropped": (answers(SignInStep.TOKEN, DROPPED), ("1111", NETWORK), ("1114", NETWORK), ("1111", NETWORK)),
}  # fmt: skip

# Seconds between first and last try, from the measured elapsed times less what processes and servers took.
ELAPSED = {
    ("realm dropped", AZURE): 4.8,
    ("realm 500", AZURE): 4.8,
    ("realm 429 + Retry-After 2", MSAL): 2.0,
    ("realm 429 + Retry-After 2", AZURE): 6.0,
    ("MEX host NXDOMAIN", AZURE): 4.8,
    ("WS-Trust 500 SOAP fault", AZURE): 4.8,
    ("token 429 + Retry-After 2", AZURE): 6.0,
}


def rig(estate: Estate | None = None) -> ClientEnvironment:
    """The rig of the measurement: a federated domain whose MEX document has a host of its own."""
    environment = ClientEnvironment(metadata_host=MEX_HOST, estate=estate or default_estate())
    environment.addresses[MEX_HOST] = ("198.51.100.31",)
    return environment


@pytest.mark.parametrize("model", [MSAL, AZURE, ADAL], ids=lambda model: model.name)
@pytest.mark.parametrize("row", ROWS)
def test_requests_and_outcome(row: str, model: Client) -> None:
    """Every cell of measured-libraries: attempts for each step, how it ended, and no prompt."""
    change, *cells = ROWS[row]
    expected, ending = cells[(MSAL, AZURE, ADAL).index(model)]
    environment, kept = rig(), []
    change(environment)

    async def attempt() -> Failure | None:
        try:
            await model.flow.attempt(environment.device(upn=FEDERATED_UPN), model.spn)
        except StageFailure as stopped:
            return stopped.failure
        return None

    kept.append(environment.play(attempt()))
    assert "".join(str(_tries(environment, step)) for step in STEPS) == expected
    assert type(kept[0]) is (ending or type(None))
    assert not environment.seen("prompt"), "nothing in this table ever opened a browser"
    if (row, model) in ELAPSED:
        asked = [event.at for event in environment.events if event.kind in ("http", "dns")]
        assert asked[-1] - asked[0] == pytest.approx(ELAPSED[row, model], abs=0.5)


def _tries(environment: ClientEnvironment, step: SignInStep) -> int:
    """Requests for ``step``, and look-ups of the MEX host that failed, which no server saw."""
    unresolved = sum(event.kind == "dns" and bool(event.outcome) for event in environment.events)
    return environment.count(step) + (unresolved if step is SignInStep.MEX else 0)


@pytest.mark.parametrize("model", [MSAL, AZURE, ADAL], ids=lambda model: model.name)
def test_wrong_password_names_its_reason(model: Client) -> None:
    """The caller gets the text of the SOAP fault, and the sign-in has failed."""
    environment = rig()
    report = environment.play(model.sign_in(environment.device(upn=FEDERATED_UPN, stored_password="no")))
    assert report is not None
    assert (report.state, report.stage) == (SignInState.FAILED, Stage.TRUST)
    assert "ID3242" in report.detail


def test_bad_password_count_is_multiplied() -> None:
    """AD FS answers a wrong password with 500, so a stack that retries 5xx posts it again: 4, 1, 1 (read-retries)."""
    posts = {}
    for model in (AZURE, MSAL, ADAL):
        environment = rig()
        environment.play(model.sign_in(environment.device(upn=FEDERATED_UPN, stored_password="no")))
        posts[model.name] = environment.count(SignInStep.WSTRUST_PASSWORD)
    assert posts == {"azure-identity": 4, "msal-python-ropc": 1, "adal-like": 1}


# state that outlives a call (measured-memory)


def test_msal_python_remembers_a_404() -> None:
    """After one 404 the process skips realm discovery; the password goes to the login host."""
    environment = rig()
    device = environment.device(upn=FEDERATED_UPN)
    environment.answers[SignInStep.REALM] = HttpResponse(404)
    PASSWORD_TAKEN(environment)
    environment.play(MSAL.sign_in(device))
    del environment.answers[SignInStep.REALM]
    environment.events.clear()
    environment.play(MSAL.sign_in(device), seconds=40 * 86400)
    assert [environment.count(step) for step in STEPS] == [0, 0, 0, 1]
    environment.events.clear()
    environment.answers.clear()
    environment.play(MSAL.sign_in(environment.device(upn=FEDERATED_UPN)))
    assert [environment.count(step) for step in STEPS] == [1, 1, 1, 1], "a new process asks again"


def test_msal_python_keeps_answers_for_a_day() -> None:
    """Three sign-ins send one realm request and one MEX request; after 24 h they are sent again."""
    environment = rig()
    device = environment.device(upn=FEDERATED_UPN)
    for _ in range(3):
        environment.play(MSAL.sign_in(device))
    assert [environment.count(step) for step in STEPS] == [1, 1, 3, 3]
    environment.engine.run(environment.now + 86390)
    environment.play(MSAL.sign_in(device))
    assert [environment.count(step) for step in STEPS] == [1, 1, 4, 4]
    environment.engine.run(environment.now + 20)
    environment.play(MSAL.sign_in(device))
    assert [environment.count(step) for step in STEPS] == [2, 2, 5, 5]


def test_msal_python_plays_one_users_refusal_back_to_another() -> None:
    """The key of a WS-Trust error is the URL alone: for 60 s a good password gets the other user's fault, unsent."""
    estate = default_estate()
    frank = estate.user(FEDERATED_UPN)
    assert frank is not None
    grace = msgspec.structs.replace(
        frank, upn="grace@fabrikam.com", object_id=f"{frank.object_id[:-1]}9", sam_account="g"
    )
    environment = rig(msgspec.structs.replace(estate, users=(*estate.users, grace)))
    first = environment.device(upn=FEDERATED_UPN, stored_password="no")
    other = environment.device(upn="grace@fabrikam.com", memory=first.memory)
    environment.play(MSAL.sign_in(first))
    report = environment.play(MSAL.sign_in(other))
    assert report is not None
    assert report.state is SignInState.FAILED
    assert environment.count(SignInStep.WSTRUST_PASSWORD) == 1
    environment.engine.run(environment.now + 61)
    report = environment.play(MSAL.sign_in(other))
    assert report is not None
    assert report.state is SignInState.SILENT


def test_msal_python_remembers_an_identical_400() -> None:
    """The same form that got 400 is not sent again for 60 s; another user's is."""
    environment = ClientEnvironment()
    device = environment.device(stored_password="no")
    for _ in range(2):
        environment.play(MSAL.sign_in(device))
    assert environment.count(SignInStep.TOKEN) == 1
    environment.engine.run(environment.now + 61)
    environment.play(MSAL.sign_in(device))
    assert environment.count(SignInStep.TOKEN) == 2


def test_adal_falls_back_only_to_another_host() -> None:
    """ADAL's fallback works if only MEX fails; in February both URLs had the host without an address."""
    environment = ClientEnvironment()
    environment.remove_record()
    report = environment.play(ADAL.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.stage) == (SignInState.FAILED, Stage.TRUST)


def test_no_header_no_autologon() -> None:
    """MSAL Python sends no x-client headers, gets Managed, and never uses the missing name; ADAL does."""
    environment = ClientEnvironment()
    environment.remove_record()
    report = environment.play(MSAL.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.SILENT
    assert all("autologon" not in line for line in environment.log)


def test_exact_case_of_federated() -> None:
    """``federated`` in lower case is not Federated to MSAL Python: the password goes to the login host."""

    def lower(request: Request) -> HttpResponse:
        assert request.method == "GET"
        body = b'{"account_type":"federated","federation_metadata_url":"https://%s/adfs/services/trust/mex"}'
        body %= STS.encode()
        return HttpResponse(200, body=body)

    for model, expected in ((MSAL, [1, 0, 0, 1]), (ADAL, [1, 1, 1, 1])):
        environment = rig()
        environment.answers[SignInStep.REALM] = lower
        environment.play(model.sign_in(environment.device(upn=FEDERATED_UPN)))
        assert [environment.count(step) for step in STEPS] == expected
