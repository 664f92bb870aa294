"""The judge, on hand-made records: what is on the wire decides, and nothing else."""

import pytest

from ssosim.trace import (
    ClientFinished,
    ClientMessage,
    DnsAnswered,
    HttpExchange,
    KdcExchange,
    LastStepDeclared,
    Record,
    SignInStep,
    TicketChecked,
    TokenIssued,
    UserPrompted,
)
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

LOGIN, AUTOLOGON = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com"
SPN = f"HTTP/{AUTOLOGON}"
TRUST = "/contoso.com/winauth/trust/2005/windowstransport"
TOKEN = "/organizations/oauth2/v2.0/token"

found = DnsAnswered(name=AUTOLOGON, type="A", rcode="NOERROR", answers=("A 192.0.2.20",))
empty = DnsAnswered(name=AUTOLOGON, type="A", rcode="NODATA")
searched = DnsAnswered(name=f"{AUTOLOGON}.corp.contoso.com", type="A", rcode="NXDOMAIN")
no_v6 = DnsAnswered(name=AUTOLOGON, type="AAAA", rcode="NODATA")
realm = HttpExchange(host=LOGIN, method="GET", path="/common/userrealm/a@b.c", status=200, step=SignInStep.REALM)
challenge = HttpExchange(host=AUTOLOGON, method="POST", path=TRUST, status=401)
ticket = KdcExchange(request="TGS", service=SPN, outcome="issued")
tgt = KdcExchange(request="TGS", service="krbtgt/CORP.CONTOSO.COM", outcome="issued")
unknown = KdcExchange(request="TGS", service="HTTP/tm.example", outcome="KDC_ERR_S_PRINCIPAL_UNKNOWN")
taken = TicketChecked(accepted=True, mechanism="kerberos", service=SPN, principal="a@B")
not_taken = TicketChecked(accepted=False, mechanism="kerberos", service=SPN, reason="wrong-key")
trusted = HttpExchange(
    host=AUTOLOGON, method="POST", path=TRUST, status=200, auth="kerberos", step=SignInStep.WSTRUST_TICKET
)
ntlm = HttpExchange(host=AUTOLOGON, method="POST", path=TRUST, status=403, auth="ntlm")
assertion = TokenIssued(kind="assertion", grant="kerberos", subject="a@b.c")
access = TokenIssued(kind="access", grant="saml1_1-bearer", subject="a@b.c")
token = HttpExchange(host=LOGIN, method="POST", path=TOKEN, status=200)
expired = HttpExchange(host=LOGIN, method="POST", path=TOKEN, status=400, code=50013)
pending = HttpExchange(host=LOGIN, method="POST", path=TOKEN, status=400, code=70016)
cookie = TokenIssued(kind="browser", grant="kerberos", subject="a@b.c")
page = HttpExchange(host=LOGIN, method="GET", path="/organizations/oauth2/v2.0/authorize", status=200)
unposted = HttpExchange(host=LOGIN, method="POST", path="/common/login", status=0, injected=True)
asked = UserPrompted(reason="password")
ended = ClientFinished(program="curl", exit_code=6)
done = ClientFinished(program="curl", exit_code=0)
meant = LastStepDeclared(last_step=SignInStep.WSTRUST_TICKET)
vault = HttpExchange(host="vault.corp", method="GET", path="/", status=200, auth="kerberos")
knock = HttpExchange(host="vault.corp", method="GET", path="/", status=401)
portal = HttpExchange(host="vault.corp", method="GET", path="/", status=200, auth="kerberos", injected=True)
stopped = ClientFinished(program="curl", exit_code=-9)
boast = ClientMessage(text="signed in successfully")


def verdict(*events, began=100.0):
    """What the judge makes of ``events``, one a second."""
    return judge([Record(number, began + number, "c", event) for number, event in enumerate(events, 1)], began)


@pytest.mark.parametrize(
    ("events", "outcome", "words"),
    [
        ([realm, found, challenge, ticket, taken, assertion, trusted, access, token], "silent", "ticket was accepted"),
        ([access, token], "silent", "without a prompt"),
        ([not_taken, access, token], "silent", "without a prompt"),
        ([empty, asked, access, token], "interactive", f"{AUTOLOGON} has no address (NODATA)"),
        ([unknown, challenge, ntlm, asked, access], "interactive", "HTTP/tm.example, which the KDC does not know"),
        ([realm, empty, realm, empty], "stalled", "2 attempts, no prompt, no sign-in"),
        ([], "stalled", "nothing that reached the wire"),
        ([realm, pending, pending], "stalled", "no sign-in"),
        ([pending, asked, pending, access, token], "interactive", "the user was asked"),
        ([boast], "stalled", "nothing that reached the wire"),
        ([challenge], "refused", "answered 401"),
        ([challenge, unknown, ntlm], "refused", "and got 403 to the NTLM token"),
        ([empty, searched, ended], "failed", f"exit code 6: {AUTOLOGON} has no address (NODATA)"),
        ([empty, asked], "failed", "asked in vain"),
        ([ended], "failed", "exit code 6"),
    ],
)
def test_each_outcome(events, outcome, words):
    """What became of a sign-in follows from the records, with the reason in one sentence."""
    result = verdict(*events)
    assert result.outcome is Outcome(outcome)
    assert words in result.reason
    assert "\n" not in result.reason


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([taken, assertion, trusted, expired], "refused"),
        ([access, token, challenge, ntlm], "refused"),
        ([challenge, taken, access, trusted], "silent"),
        ([access, asked], "failed"),
        ([found, taken, assertion, trusted, empty], "stalled"),
        ([found, taken, assertion, trusted, empty, stopped], "stalled"),
        ([found, taken, assertion, trusted, no_v6], "stalled"),
        ([found, taken, assertion, trusted, done], "failed"),
        ([meant, found, taken, assertion, trusted, no_v6], "silent"),
        ([meant, found, taken, assertion, trusted, done], "silent"),
        ([meant, found, taken, assertion, trusted, empty], "stalled"),
        ([meant, found, taken, assertion, trusted, ended], "failed"),
        ([challenge, trusted, done], "failed"),
        ([knock, taken, vault, done], "silent"),
        ([knock, taken, vault, ended], "failed"),
        ([knock, vault, done], "failed"),
        ([taken, trusted, vault, done], "failed"),
        ([knock, not_taken, vault, done], "failed"),
        ([taken, vault, asked], "failed"),
        ([taken, portal, done], "failed"),
        ([access, token, taken, assertion, trusted, done], "silent"),
        ([found, taken, assertion, trusted, empty, access], "silent"),
        ([found, taken, cookie, page, stopped], "silent"),
        ([found, taken, cookie, page, unposted, stopped], "stalled"),
        ([found, taken, cookie, page, unposted, page, empty, stopped], "silent"),
        ([asked, access, asked, access], "interactive"),
        ([expired, access, token], "silent"),
        ([boast, empty, ended], "failed"),
        ([not_taken, challenge, boast], "refused"),
        ([empty, found, challenge, ticket, taken, access], "silent"),
    ],
)
def test_contradictions_are_decided_by_what_came_last(events, outcome):
    """An assertion without a token, a success before a refusal, a boast: the last fact on the wire counts."""
    assert verdict(*events).outcome is Outcome(outcome)


def test_an_assertion_alone_is_said_to_be_one():
    """The reason says what was issued and what was not; an answer of 200 alone is no sign-in either."""
    assert "an assertion was issued, and no token was asked for with it" in verdict(taken, assertion, done).reason
    assert "nothing was issued that signs in" in verdict(challenge, trusted, done).reason


def test_the_reason_names_the_name_that_was_meant():
    """A resolver's search list and missing IPv6 addresses do not hide the name that has no address (TMS9-020)."""
    for events in ([empty, no_v6, searched], [empty, searched], [found, no_v6, empty, no_v6]):
        assert f"{AUTOLOGON} has no address (NODATA)" in verdict(*events).reason


def test_what_was_reached_later_is_no_reason():
    """A name that got an address in the end, an SPN that was issued in the end: neither is the trouble."""
    reason = verdict(empty, unknown, found, ticket, challenge).reason
    assert "no address" not in reason
    assert "does not know" not in reason
    assert "answered 401" in reason


def test_the_evidence_and_the_time_are_those_of_the_records():
    """A verdict says when it was decided and on which records it rests."""
    result = verdict(realm, found, ticket, taken, access)
    assert (result.after_s, result.evidence, result.attempts, result.spn) == (5.0, (5,), 1, SPN)
    assert verdict(unknown, challenge, ntlm).evidence == (1, 3)
    assert verdict(tgt, unknown, tgt).spn == "HTTP/tm.example"
    assert verdict(empty).after_s is None


def test_a_name_of_a_browsers_own_is_no_trouble_of_the_sign_in():
    """A refusal stays one, and an unanswered exchange the reason, whatever else a program looks up after it."""
    noise = DnsAnswered(name="connectivitycheck.gstatic.com", type="A", rcode="NXDOMAIN")
    assert verdict(realm, found, ntlm, noise, ended).outcome is Outcome.REFUSED
    assert "did not answer" in verdict(page, unposted, noise, ended).reason
    assert "gstatic.com has no address" in verdict(noise, ended).reason
    assert verdict(realm, found, ntlm, empty, ended).outcome is Outcome.FAILED, "it was there, and then it was gone"
