"""Verdicts about programs without a person: which credential signed in, on what host, and why earlier ones did not."""

from __future__ import annotations

from typing import Any

import pytest
from ssosim_clients.ports import NetworkFailure

from ssosim.faults import fault_from
from ssosim.trace import (
    ClientAuthenticated,
    ClientFinished,
    ClientMessage,
    ConnectionFailed,
    HttpExchange,
    LabEvent,
    ManagedIdentityRequested,
    Record,
    SignInStep,
    TokenIssued,
    UserPrompted,
)
from ssosim.trace.redact import CUT
from ssosim.verdict.explain import explain
from ssosim.verdict.judge import judge
from ssosim.verdict.outcome import Outcome

from .estates import ORDERS

PROBE = ConnectionFailed(
    host="", address="169.254.169.254", stage="connect", reason="no answer", by="wire", step=SignInStep.MANAGED_IDENTITY
)


def verdict_on(program: Any, exit_code: int | None = None) -> Any:
    """Judge the program; with ``exit_code`` it has ended."""
    if exit_code is not None:
        program.lab.trace.record("program", ClientFinished(program="program", exit_code=exit_code))
    records = tuple(program.lab.trace)
    return judge(records, records[0].at)


def make(*events: Any) -> tuple[Record, ...]:
    """Number the events of one client."""
    return tuple(Record(number, float(number), "program", event) for number, event in enumerate(events))


def test_the_reason_names_the_identity_and_its_host(on: Any) -> None:
    """A managed identity: its name, the device and its kind; and the parameter, if the program named one."""
    program = on("vm")
    program.imds(client_id=ORDERS.effective_client_id)
    verdict = verdict_on(program, 0)
    assert verdict.outcome is Outcome.SILENT
    (explained,) = explain(tuple(program.lab.trace))
    assert "silent: by the managed identity orders of vm (vm), asked for by client_id" in str(explained)
    assert verdict.reason.endswith("by the managed identity orders of vm (vm), asked for by client_id")


def test_the_reason_names_a_host_that_is_no_machine(on: Any) -> None:
    """The kind of the host is in the reason; a program that names no identity is said to name none."""
    site = on("app-service")
    site.app_service()
    assert verdict_on(site).reason.endswith("by the managed identity app-service of app-service (app-service)")


def test_a_refusal_of_a_host_is_a_refusal(on: Any) -> None:
    """A host that has no token for the program refuses, whatever exit code the program ends with."""
    for code in (0, 1):
        program = on("vm-none")
        program.imds()
        assert verdict_on(program, code).outcome is Outcome.REFUSED


def test_a_later_refusal_is_not_hidden_by_an_earlier_token(on: Any) -> None:
    """A token for one identity, then a refusal of another: the program did not get what it asked for last."""
    program = on("vm")
    program.imds()
    program.imds(client_id="0" * 8)
    assert verdict_on(program, 0).outcome is Outcome.REFUSED


def test_a_probe_is_no_refusal_if_a_token_follows(on: Any) -> None:
    """The probe of a chain has no header and gets 400; the token after it decides."""
    program = on("vm")
    program.imds(headers={})
    program.imds()
    assert verdict_on(program, 0).outcome is Outcome.SILENT


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
def test_a_host_that_recovers_is_no_failure(on: Any, status: int) -> None:
    """Retries until the host answers: silent, and the retries of the same credential are not an earlier credential."""
    program = on("vm")
    fault_from({"fault": "managed-identity-status", "status": status, "first": 2}).apply(program.lab)
    for expected in (status, status, 200):
        assert program.imds().status == expected
    verdict = verdict_on(program, 0)
    assert (verdict.outcome, "after" in verdict.reason) == (Outcome.SILENT, False)


@pytest.mark.parametrize("status", [404, 429, 500])
def test_a_host_that_does_not_recover_is_the_cause(on: Any, status: int) -> None:
    """The reason names the endpoint and its status."""
    program = on("vm")
    fault_from({"fault": "managed-identity-status", "status": status}).apply(program.lab)
    program.imds()
    verdict = verdict_on(program, 1)
    assert verdict.outcome in (Outcome.FAILED, Outcome.REFUSED)
    assert f"169.254.169.254/metadata/identity/oauth2/token answered {status}" in verdict.reason


def test_no_host_at_all_is_said_in_words(on: Any) -> None:
    """On a desktop the only thing that happened is a probe that nobody answered."""
    program = on("desk-1")
    with pytest.raises(NetworkFailure):
        program.imds()
    verdict = verdict_on(program, 1)
    assert (verdict.outcome, "there is no managed identity here" in verdict.reason) == (Outcome.FAILED, True)


def test_a_chain_names_what_signed_in_and_what_did_not() -> None:
    """No managed identity on this device, then a client secret: the reason has both, in their order."""
    proved = ClientAuthenticated(client_id="app", method="client_secret", credential="s1")
    issued = TokenIssued(kind="access", grant="client_credentials", subject="app", client_id="app")
    verdict = judge(make(PROBE, proved, issued), 0.0)
    assert verdict.outcome is Outcome.SILENT
    assert verdict.reason.startswith(
        "signed in without a prompt by a client secret of app, after a managed identity, for which no host answered"
    )


def test_an_unanswered_probe_is_not_why_a_user_was_asked() -> None:
    """A chain that passes by a managed identity and ends in a browser: the probe is not the cause of the prompt."""
    issued = TokenIssued(kind="access", grant="authorization_code", subject="alice@contoso.com", client_id="app")
    records = make(PROBE, UserPrompted(reason="sign-in page"), issued)
    verdict = judge(records, 0.0)
    assert (verdict.outcome, "169.254" in verdict.reason) == (Outcome.INTERACTIVE, False)
    (explained,) = explain(records)
    assert "169.254" not in str(explained)


REFUSED_SECRET = HttpExchange(
    host="login.microsoftonline.com",
    method="POST",
    path="/contoso/oauth2/v2.0/token",
    status=401,
    code=7000215,
    step=SignInStep.TOKEN,
    error_description="AADSTS7000215: Invalid client secret provided.",
    client_credential="client_secret",
)
ENDED = ClientFinished(program="python", exit_code=1)
PYTHON_CHAIN = (
    "ChainedTokenCredential failed to retrieve a token from the included credentials. Attempted credentials: "
    "ManagedIdentityCredential: no response. EnvironmentCredential: Authentication failed: AADSTS7000215"
)


def test_each_attempt_is_counted_once(on: Any) -> None:
    """Probe and retries are one attempt; another identity is another one. Each has class, host kind and reason."""
    program = on("vm")
    fault_from({"fault": "managed-identity-status", "status": 503, "first": 3}).apply(program.lab)
    for headers in ({}, None, None, None):
        program.imds(headers=headers)
    program.imds(client_id="0" * 8)
    verdict = verdict_on(program, 1)
    first, second = verdict.credential_attempts
    assert (first.credential, first.result, first.host_kind, first.requests) == ("managed_identity", "token", "vm", 4)
    assert (second.result, second.requested, second.requests) == ("refused", "client_id 00000000", 1)
    assert second.reason == "refused: Identity not found"


def test_an_unfinished_chain_says_what_is_not_known() -> None:
    """A refused secret after an unanswered probe: both are named, and nothing is guessed about what came after."""
    verdict = judge(make(PROBE, REFUSED_SECRET, ENDED), 0.0)
    assert verdict.outcome is Outcome.REFUSED
    assert "; tried before: a managed identity, for which no host answered" in verdict.reason
    assert verdict.reason.endswith("no other credential sent a request; whether one was tried without one is not known")
    assert [each.credential for each in verdict.credential_attempts] == ["managed_identity", "client_secret"]
    (explained,) = explain(make(PROBE, REFUSED_SECRET, ENDED))
    assert verdict.tried in str(explained)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (PYTHON_CHAIN, "the program names no credential after it"),
        (PYTHON_CHAIN.replace("ChainedTokenCredential", "DefaultAzureCredential"), "the chain stopped there"),
        (f"{PYTHON_CHAIN} AzureCliCredential: not found", "the chain went on, by what the program printed: AzureCliCr"),
        (f"{PYTHON_CHAIN} {CUT}", "what the program printed is cut off"),
        ("EnvironmentCredential: AADSTS7000215", "is not known"),  # no chain
        ("DefaultAzureCredential: ManagedIdentityCredential: no response", "is not known"),  # not the one that asked
        ("", "is not known"),
    ],
)
def test_what_a_program_prints_says_how_its_chain_went_on(text: str, end: str) -> None:
    """The members that a library names are taken from its text, and only from a text about a chain."""
    verdict = judge(make(PROBE, REFUSED_SECRET, ENDED, ClientMessage(text=text)), 0.0)
    assert end in verdict.tried
    assert verdict.outcome is Outcome.REFUSED


def test_a_parameter_that_a_host_ignores_is_in_the_reason(on: Any) -> None:
    """App Service does not know msi_res_id: the program gets the default identity; the verdict says so (AZ5-014)."""
    site = on("app-service")
    site.app_service(msi_res_id=ORDERS.effective_resource_id)
    verdict = verdict_on(site, 0)
    assert verdict.outcome is Outcome.SILENT
    assert verdict.reason.endswith(
        "by the managed identity app-service of app-service (app-service), the default one: the host ignores msi_res_id"
    )
    right = on("app-service")
    right.app_service(mi_res_id=ORDERS.effective_resource_id)
    assert right.events(ManagedIdentityRequested)[-1].ignored == ""


@pytest.mark.parametrize("device", ["vm", "app-service"])
def test_the_host_kind_of_a_host_that_failed_is_known(device: str) -> None:
    """A host that answers 503 to everything: its kind is that of the program's device."""
    started = LabEvent(part="device", text="", device_kind=device)  # type: ignore[arg-type]
    answer = HttpExchange(
        host="169.254.169.254", method="GET", path="/", status=503, step=SignInStep.MANAGED_IDENTITY, scheme="http"
    )
    (attempt,) = judge(make(started, answer, ENDED), 0.0).credential_attempts
    assert (attempt.host_kind, attempt.result, attempt.reason) == (device, "failed", "whose host answered 503")
