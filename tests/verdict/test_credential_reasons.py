"""Which credential gave a token, which were tried before, and what a chain did next: from hand-made records."""

from __future__ import annotations

import pytest

from ssosim.trace import (
    ClientAuthenticated,
    ClientFinished,
    ClientMessage,
    ConnectionFailed,
    Event,
    HttpExchange,
    LabEvent,
    LabPaused,
    ManagedIdentityRequested,
    Record,
    SignInStep,
    TokenIssued,
    UserPrompted,
)
from ssosim.trace.redact import CUT
from ssosim.verdict import Outcome, Verdict, judge
from ssosim.verdict.credentials import describe_attempts, list_attempts, read_chain

APP = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b11"
MANAGED = SignInStep.MANAGED_IDENTITY
no_host = ConnectionFailed(host="", address="169.254.169.254", stage="connect", by="wire", step=MANAGED)
asked = ManagedIdentityRequested(
    host_kind="vm", device="vm-1", requested="client_id 7c1c", identity="orders", client_id=APP
)
app_token = TokenIssued(kind="access", grant="client_credentials", subject=APP, client_id=APP.upper())
host_token = TokenIssued(kind="access", grant="managed_identity", subject="orders", client_id=APP)
done = ClientFinished(program="client", exit_code=0)
failed = ClientFinished(program="client", exit_code=1)


def host(status: int, **more: object) -> HttpExchange:
    """An answer of the host that gives tokens."""
    return HttpExchange(host="h", method="GET", path="/metadata", status=status, **({"step": MANAGED} | more))  # type: ignore[arg-type]


def token(status: int, kind: str = "client_secret", **more: object) -> HttpExchange:
    """An answer of the token endpoint to an application."""
    return HttpExchange(host="login", method="POST", path="/token", status=status, step=SignInStep.TOKEN,
                        client_credential=kind, **more)  # type: ignore[arg-type]  # fmt: skip


def proved(method: str, credential: str = "") -> ClientAuthenticated:
    """The proof of which application it is."""
    return ClientAuthenticated(client_id=APP, method=method, credential=credential)  # type: ignore[arg-type]


def records(*events: Event) -> list[Record]:
    """One record a second."""
    return [Record(number, 100.0 + number, "c", event) for number, event in enumerate(events, 1)]


def verdict(*events: Event) -> Verdict:
    """What the judge makes of ``events``."""
    return judge(records(*events), 100.0)


def attempts(*events: Event) -> list[tuple[str, str, str, int]]:
    """Class, result, reason and number of requests of each attempt."""
    return [(each.credential, each.result, each.reason, each.requests) for each in list_attempts(records(*events))]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([no_host], ("managed_identity", "no_answer", "for which no host answered", 1)),
        ([no_host, no_host], ("managed_identity", "no_answer", "for which no host answered", 2)),
        ([no_host, asked, host(200)], ("managed_identity", "token", "", 2)),
        ([asked, host(404), asked, host(200)], ("managed_identity", "token", "", 2)),
        ([asked, host(429)], ("managed_identity", "failed", "whose host answered 429", 1)),
        (
            [asked, host(403, error_description="no")],
            ("managed_identity", "refused", "whose host answered 403 (no)", 1),
        ),
        ([asked, host(403, injected=True)], ("managed_identity", "failed", "whose host answered 403", 1)),
        ([asked, host(200, injected=True)], ("managed_identity", "failed", "whose host answered 200", 1)),
        ([asked, host(0)], ("managed_identity", "no_answer", "whose host did not answer", 1)),
        ([token(200)], ("client_secret", "token", "", 1)),
        ([token(200, code=50076)], ("client_secret", "failed", "answered 200", 1)),
        ([token(200, injected=True)], ("client_secret", "failed", "answered 200", 1)),
        (
            [token(400, error_description="AADSTS7000215: no")],
            ("client_secret", "refused", "refused: AADSTS7000215: no", 1),
        ),
        ([token(401)], ("client_secret", "refused", "answered 401", 1)),
        ([token(503, error_description="later")], ("client_secret", "failed", "answered 503: later", 1)),
        ([token(0)], ("client_secret", "no_answer", "not answered", 1)),
        ([proved("certificate"), token(400, "client_assertion")], ("certificate", "refused", "answered 400", 1)),
        ([token(400, "client_assertion")], ("client_assertion", "refused", "answered 400", 1)),
        ([token(503), token(503), token(200)], ("client_secret", "token", "", 3)),
    ],
)
def test_one_attempt_with_its_result(events: list[Event], found: tuple[str, str, str, int]) -> None:
    """Retries and the probe before are one attempt; what a fault sent is never the refusal, or the token, of a host."""
    assert attempts(*events) == [found]


def test_what_is_a_new_attempt() -> None:
    """After a token, for another identity or by another credential an attempt is a new one."""
    other = ManagedIdentityRequested(host_kind="vm", device="vm-1", requested="client_id 9999")
    assert [each[3] for each in attempts(asked, host(200), asked, host(200))] == [1, 1]
    assert [each[3] for each in attempts(asked, host(404), other, host(404))] == [1, 1]
    assert [each[0] for each in attempts(token(400), asked, host(404))] == ["client_secret", "managed_identity"]
    refusing = ManagedIdentityRequested(host_kind="cloud-shell", device="d", error="no such identity")
    assert attempts(refusing, host(400)) == [("cloud_shell", "refused", "refused: no such identity", 1)]


def test_the_challenge_of_azure_arc_is_no_answer_of_its_own() -> None:
    """Azure Arc answers the first request with 401, which names the file with the key; only that one is left out."""
    arc = LabEvent(part="device", text="started", device_kind="arc")
    granted = ManagedIdentityRequested(host_kind="arc", device="arc-1", identity="arc-1", client_id=APP)
    assert attempts(arc, host(401), granted, host(200)) == [("managed_identity", "token", "", 1)]
    assert [each[1] for each in attempts(arc, granted, host(401))] == ["refused"]
    assert [each[1] for each in attempts(arc, host(401, injected=True))] == ["failed"]
    vm = LabEvent(part="device", text="started", device_kind="vm")
    assert [each[1] for each in attempts(vm, host(401))] == ["refused"]


def test_the_endpoint_of_azure_pipelines_is_an_attempt_only_if_it_fails() -> None:
    """Its answer is an assertion, and no token: the attempt goes on at the token endpoint."""

    def pipelines(status: int, path: str = "/org/_apis/distributedtask/hubs/build/jobs/1/oidctoken") -> HttpExchange:
        return HttpExchange(host="p", method="POST", path=path, status=status)

    assert attempts(pipelines(200)) == []
    assert attempts(pipelines(404, "/org/_apis/distributedtask/hubs/build/oidctokens")) == []
    assert attempts(pipelines(401)) == [("pipelines_oidc", "refused", "which answered 401", 1)]
    assert attempts(pipelines(0)) == [("pipelines_oidc", "no_answer", "which answered nothing", 1)]
    assert attempts(pipelines(302)) == [("pipelines_oidc", "failed", "which answered 302", 1)]


def test_a_sign_in_names_its_credential_and_what_was_tried_before() -> None:
    """The credential of the token is told with its name, and after it those that gave none."""
    found = verdict(no_host, proved("federated_credential", "build"), app_token, token(200, "client_assertion"), done)
    assert found.outcome is Outcome.SILENT
    assert found.credential == f"the federated credential build of {APP}"
    assert found.tried == ", after a managed identity, for which no host answered"
    assert f"by {found.credential}{found.tried}" in found.reason
    assert [each.result for each in found.credential_attempts] == ["no_answer", "token"]
    alone = verdict(proved("client_secret"), app_token, token(200), done)
    assert (alone.credential, alone.tried) == (f"a client secret of {APP}", "")
    assert [each.credential for each in alone.credential_attempts] == ["client_secret"]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (asked, "the managed identity orders of vm-1 (vm), asked for by client_id"),
        (
            ManagedIdentityRequested(host_kind="vm", device="vm-1", identity="x", client_id=APP, ignored="object_id"),
            "the managed identity x of vm-1 (vm), the default one: the host ignores object_id",
        ),
        (
            ManagedIdentityRequested(host_kind="vm", device="vm-1", identity="x", client_id="other"),
            "the managed identity orders",
        ),
    ],
)
def test_the_managed_identity_is_told_with_how_it_was_asked_for(event: Event, words: str) -> None:
    """A program may have meant another identity than it got: what the host ignores is told."""
    assert verdict(event, host_token, host(200), done).credential == words


def test_a_persons_token_has_no_credential() -> None:
    """A person's token, and a page without a token, are of no credential; the attempts before are kept."""
    person = TokenIssued(kind="access", grant="password", subject="a")
    found = verdict(no_host, person, done)
    assert (found.credential, found.tried) == ("", "")
    assert [each.result for each in found.credential_attempts] == ["no_answer"]
    shell = TokenIssued(kind="access", grant="cloud_shell", subject="alice")
    assert verdict(shell, host(200)).credential == "the Cloud Shell of alice"
    stranger = TokenIssued(kind="access", grant="client_credentials", subject="x", client_id="other")
    assert verdict(proved("client_secret"), stranger, token(200)).credential == ""


UNKNOWN = "no other credential sent a request; whether one was tried without one is not known"


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("", UNKNOWN),
        ("ManagedIdentityCredential: unavailable", UNKNOWN),
        (
            "DefaultAzureCredential failed: ManagedIdentityCredential: x; AzureCLICredential: y",
            "the chain went on, by what the program printed: AzureCliCredential",
        ),
        (
            "DefaultAzureCredential failed: EnvironmentCredential: x; ManagedIdentityCredential: y",
            "the chain stopped there, by what the program printed",
        ),
        ("ChainedTokenCredential failed: ManagedIdentityCredential: y", "the program names no credential after it"),
        (
            f"DefaultAzureCredential failed: ManagedIdentityCredential: y{CUT}",
            "whether the chain went on is not known: what the program printed is cut off",
        ),
        ("DefaultAzureCredential failed: AzurePowerShellCredential: y", UNKNOWN),
    ],
)
def test_what_a_chain_did_next_is_from_what_the_program_printed(printed: str, words: str) -> None:
    """Only where the program names the members of its chain; else it is said that nothing is known."""
    found = verdict(no_host, ClientMessage(text=printed), failed)
    assert found.outcome is Outcome.FAILED
    assert found.tried == f"; {words}"
    assert found.reason.endswith(words)


def test_attempts_before_the_last_are_told_once_and_a_stalled_client_has_none() -> None:
    """Two equal attempts are told once; a client that was stopped, or asked its user, may still go on."""
    other = ManagedIdentityRequested(host_kind="vm", device="vm-1", requested="client_id 9999")
    found = verdict(asked, host(404), other, host(404), token(400), failed)
    assert found.tried.startswith(
        "; tried before: a managed identity (vm), asked for by client_id, whose host answered 404; no other"
    )
    assert describe_attempts(list_attempts(records(asked, host(200)))) == ""
    assert verdict(no_host, ClientFinished(program="c", exit_code=-9, stopped="deadline")).tried == ""
    assert verdict(no_host, UserPrompted(reason="x"), failed).tried == ""
    assert verdict(asked, host(200), failed).tried == ""


def test_members_of_a_chain_are_read_once_and_by_one_name() -> None:
    """Names before the chain's own are not its members; the two spellings of the Azure CLI are one."""
    text = "AzureCliCredential: DefaultAzureCredential: AzureCLICredential, ChainedTokenCredential, AzureCliCredential"
    assert read_chain(text) == ("AzureCliCredential",)
    assert read_chain("EnvironmentCredential failed") == ()


def test_pauses_of_the_lab_count_until_the_decision() -> None:
    """A pause after the deciding record is none of the client's: the token, or the end of one that failed."""

    def pause(after_seq: int) -> LabPaused:
        return LabPaused(started_at=0.0, lab_s=2.0, real_started_at=0.0, real_s=2.0, cpu_s=0.0, after_seq=after_seq)

    def note(pause_seq: int, *events: Event) -> str:
        return judge(records(*events), 100.0, [Record(pause_seq, 100.0, "", pause(pause_seq))]).note

    person = TokenIssued(kind="access", grant="password", subject="a")
    assert note(1, host(404), person, done)
    assert note(2, host(404), person, done) == ""
    assert note(2, host(404), host(404), failed)
    assert note(3, host(404), host(404), failed) == ""
    assert note(9, host(404), host(404))
    assert judge(records(host(404)), 100.0).pauses == ()
