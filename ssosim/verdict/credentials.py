"""Which credential of a program without a person gave a token, which did not before, and why: from the trace alone.

Theory of operation. A chained credential tries its members in order. It goes on after one that is *unavailable*, and it
stops at the first token, and at the first that *failed*; which of both an error is depends on the library. The trace
has the requests, so ``list_attempts`` knows each member that sent one, and what was answered. A member that sent none
(variables that are not set, a program that is not on PATH) is known only if the program itself names it, in what it
printed (``ClientMessage``): ``read_chain`` reads the texts of the libraries of the Azure SDKs. What neither shows is
not known, and ``describe_chain_end`` says so. No outcome depends on what a program printed.

Sources: azure-identity, azidentity, @azure/identity and com.azure:azure-identity, the texts of their chains; measured.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ssosim.trace import (
    ClientAuthenticated,
    ClientMessage,
    ConnectionFailed,
    Event,
    HttpExchange,
    LabEvent,
    ManagedIdentityRequested,
    Record,
    SignInStep,
    TokenIssued,
)
from ssosim.trace.redact import CUT

__all__ = [
    "CREDENTIAL_EVENTS",
    "CredentialAttempt",
    "describe_attempts",
    "describe_chain_end",
    "describe_credential",
    "is_probe_without_host",
    "list_attempts",
    "read_chain",
    "split_attempts",
]

CredentialClass = Literal[
    "managed_identity",
    "cloud_shell",
    "client_secret",
    "client_assertion",
    "certificate",
    "certificate_subject",
    "federated_credential",
    "pipelines_oidc",
]
AttemptResult = Literal["token", "refused", "failed", "no_answer"]

CREDENTIAL_EVENTS = (LabEvent, ConnectionFailed, ManagedIdentityRequested, ClientAuthenticated, HttpExchange)
"""The kinds of events that ``list_attempts`` reads; it passes over all others."""
_CLASSES = {
    "managed_identity": "a managed identity",
    "cloud_shell": "the Cloud Shell",
    "client_secret": "a client secret",
    "client_assertion": "a client assertion",
    "certificate": "a certificate",
    "certificate_subject": "a certificate of a trusted subject",
    "federated_credential": "the federated credential",
    "pipelines_oidc": "the OIDC endpoint of Azure Pipelines",
}
_MEMBERS: dict[str, tuple[str, ...]] = {
    "managed_identity": ("ManagedIdentityCredential",),
    "cloud_shell": ("ManagedIdentityCredential",),
    "client_secret": ("ClientSecretCredential", "EnvironmentCredential"),
    "pipelines_oidc": ("AzurePipelinesCredential",),
}
_SIGNED = (
    "ClientCertificateCredential",
    "CertificateCredential",
    "ClientAssertionCredential",
    "WorkloadIdentityCredential",
    "AzurePipelinesCredential",
    "EnvironmentCredential",
)
_PIPELINES_PATH = re.compile(r"/_apis/distributedtask/hubs/.+/oidctoken\Z", re.IGNORECASE)
_CHAINS = re.compile(r"\b(DefaultAzureCredential|ChainedTokenCredential)\b")
_MEMBER = re.compile(r"\b([A-Z][A-Za-z]*Credential)\b")
_REFUSALS = (400, 401, 403)  # others, such as 404 and 429 of IMDS, pass with time
_SENTENCE = 160  # characters of a host's text in a reason


class CredentialAttempt(Struct, frozen=True):
    """A credential of which at least one request was seen: its class, and what came of it.

    ``host_kind`` is the kind of the device whose host was asked; empty for other credentials, and where no host is.
    ``requested`` is the identity that the program named. ``requests`` counts requests and connections without an
    answer; retries are one attempt. ``reason`` is why there was no token, and ``seq`` the number of the last record.
    """

    credential: CredentialClass
    result: AttemptResult
    reason: str = ""
    host_kind: str = ""
    requested: str = ""
    requests: int = 1
    seq: int = 0

    def __str__(self) -> str:
        where = f" ({self.host_kind})" if self.host_kind else ""
        named = f", asked for by {self.requested.partition(' ')[0]}" if self.requested else ""
        return f"{_CLASSES[self.credential]}{where}{named}{f', {self.reason}' if self.reason else ''}"


def is_probe_without_host(event: Event) -> bool:
    """Return whether a program has asked for the metadata service on a device that has none."""
    return isinstance(event, ConnectionFailed) and event.step is SignInStep.MANAGED_IDENTITY and event.by == "wire"


def list_attempts(records: Sequence[Record]) -> tuple[CredentialAttempt, ...]:
    """Return the credentials that sent requests, in order. Retries of one, and the probe before it, are one attempt."""
    found: list[_Request] = []
    for each in _list_requests(records):
        if found and _is_same(found[-1], each):
            counted = replace(each.attempt, requests=found[-1].attempt.requests + 1)
            found[-1] = _Request(counted, each.reached_host)
        else:
            found.append(each)
    return tuple(each.attempt for each in found)


def split_attempts(
    attempts: Sequence[CredentialAttempt], issued: Record
) -> tuple[tuple[CredentialAttempt, ...], CredentialAttempt | None]:
    """Return the attempts before the one that gave the token of ``issued``, and that one; None if it is not there.

    The record of a token stands just before that of the answer with it.
    """
    for index, each in enumerate(attempts):
        if each.result == "token" and each.seq > issued.seq:
            return tuple(attempts[:index]), each
    return tuple(attempts), None


class _Request(Struct, frozen=True):
    """One request as an attempt. ``reached_host``: a host has read which identity it names; a probe names none."""

    attempt: CredentialAttempt
    reached_host: bool = True


def _is_same(before: _Request, after: _Request) -> bool:
    """Return whether two requests are one attempt: a retry, or a probe. A token is the end of one."""
    if before.attempt.result == "token" or before.attempt.credential != after.attempt.credential:
        return False
    if not (before.reached_host and after.reached_host):
        return True
    return before.attempt.requested == after.attempt.requested


def _list_requests(records: Sequence[Record]) -> Iterator[_Request]:
    """Yield each request of a credential, and each connection that no host accepted."""
    kind = next((e.device_kind for e in (r.event for r in records) if isinstance(e, LabEvent) and e.device_kind), "")
    asked: ManagedIdentityRequested | None = None
    proved: ClientAuthenticated | None = None
    for record in records:
        event = record.event
        if isinstance(event, HttpExchange):
            if event.step is SignInStep.MANAGED_IDENTITY:
                if asked is None and event.status == 401 and not event.injected and kind == "arc":
                    continue  # the challenge of Azure Arc
                yield _Request(_read_host_answer(event, asked, kind, record.seq), reached_host=asked is not None)
            elif event.client_credential:
                yield _Request(_read_token_answer(event, proved, record.seq))
            elif (event.status != 200 or event.is_error) and _PIPELINES_PATH.search(event.path):
                reason = f"which answered {event.status or 'nothing'}{_said(event)}"
                yield _Request(CredentialAttempt("pipelines_oidc", _failure(event), reason, seq=record.seq))
            asked = proved = None
        elif isinstance(event, ManagedIdentityRequested):
            asked, kind = event, event.host_kind
        elif isinstance(event, ClientAuthenticated):
            proved = event
        elif is_probe_without_host(event):
            attempt = CredentialAttempt("managed_identity", "no_answer", "for which no host answered", seq=record.seq)
            yield _Request(attempt, reached_host=False)


def _read_host_answer(
    event: HttpExchange, asked: ManagedIdentityRequested | None, kind: str, seq: int
) -> CredentialAttempt:
    """Return what a host's answer made of an attempt."""
    credential: CredentialClass = "cloud_shell" if kind == "cloud-shell" else "managed_identity"
    requested = asked.requested if asked is not None else ""
    if event.status == 200 and not event.injected:
        return CredentialAttempt(credential, "token", "", kind, requested, seq=seq)
    if asked is not None and asked.error:
        reason = f"refused: {_shorten(asked.error)}"
        return CredentialAttempt(credential, "refused", reason, kind, requested, seq=seq)
    if event.status == 0:
        return CredentialAttempt(credential, "no_answer", "whose host did not answer", kind, requested, seq=seq)
    reason = f"whose host answered {event.status}{_said(event)}"
    return CredentialAttempt(credential, _failure(event), reason, kind, requested, seq=seq)


def _read_token_answer(event: HttpExchange, proved: ClientAuthenticated | None, seq: int) -> CredentialAttempt:
    """Return what the answer of the token endpoint made of an attempt."""
    assert event.client_credential  # noqa: S101 - by _list_requests
    credential: CredentialClass = event.client_credential if proved is None else proved.method
    if event.status == 200 and event.code is None and not event.injected:
        return CredentialAttempt(credential, "token", seq=seq)
    verb = "refused: " if event.status < 500 else f"answered {event.status}: "
    reason = f"{verb}{_shorten(event.error_description)}" if event.error_description else f"answered {event.status}"
    return CredentialAttempt(credential, _failure(event), reason if event.status else "not answered", seq=seq)


def _failure(event: HttpExchange) -> AttemptResult:
    if event.status == 0:
        return "no_answer"
    return "refused" if event.status in _REFUSALS and not event.injected else "failed"


def _said(event: HttpExchange) -> str:
    return f" ({_shorten(event.error_description)})" if event.error_description else ""


def _shorten(text: str) -> str:
    return textwrap.shorten(text, _SENTENCE, placeholder=" …")


def describe_credential(records: Sequence[Record], issued: Record) -> str:
    """Describe the credential behind the token of ``issued``; empty for a person's, and for a page without a token."""
    token = issued.event
    if not isinstance(token, TokenIssued):
        return ""
    before = [record.event for record in records if record.seq < issued.seq]
    if token.grant == "managed_identity":
        for event in reversed(before):
            if isinstance(event, ManagedIdentityRequested) and event.client_id == token.client_id:
                named = f", asked for by {event.requested.partition(' ')[0]}" if event.requested else ""
                ignored = f", the default one: the host ignores {event.ignored}" if event.ignored else ""
                return f"the managed identity {event.identity} of {event.device} ({event.host_kind}){named}{ignored}"
        return f"the managed identity {token.subject}"
    if token.grant == "cloud_shell":
        return f"the Cloud Shell of {token.subject}"
    if token.grant == "client_credentials":
        for event in reversed(before):
            if isinstance(event, ClientAuthenticated) and event.client_id.lower() == token.client_id.lower():
                credential = f" {event.credential}" if event.method == "federated_credential" else ""
                return f"{_CLASSES[event.method]}{credential} of {event.client_id}"
    return ""


def describe_attempts(attempts: Sequence[CredentialAttempt]) -> str:
    """Describe the attempts that gave no token, in the order in which they were made."""
    return " and ".join(dict.fromkeys(str(each) for each in attempts if each.result != "token"))


def describe_chain_end(attempts: Sequence[CredentialAttempt], records: Sequence[Record]) -> str:
    """Say what came after the last of ``attempts``, which gave no token: whether a chain went on, or stopped.

    Empty if there is no attempt. What the program printed is used where it names the members of a chain.
    """
    if not attempts or attempts[-1].result == "token":
        return ""
    text = " ".join(record.event.text for record in records if isinstance(record.event, ClientMessage))
    named = read_chain(text)
    own = _MEMBERS.get(attempts[-1].credential, _SIGNED)
    places = [index for index, name in enumerate(named) if name in own]
    if not places:
        return "no other credential sent a request; whether one was tried without one is not known"
    after = named[places[-1] + 1 :]
    if after:
        return f"the chain went on, by what the program printed: {', '.join(after)}"
    if text.endswith(CUT):
        return "whether the chain went on is not known: what the program printed is cut off"
    if "DefaultAzureCredential" in text:
        return "the chain stopped there, by what the program printed"
    return "the program names no credential after it"


def read_chain(text: str) -> tuple[str, ...]:
    """Return the members of a chain that ``text`` names, in order: the class names of the libraries, each once.

    Empty for a text that is not of a chain.
    """
    chain = _CHAINS.search(text)
    if chain is None:
        return ()
    names = [name for name in _MEMBER.findall(text[chain.end() :]) if not _CHAINS.fullmatch(name)]
    return tuple(dict.fromkeys("AzureCliCredential" if name == "AzureCLICredential" else name for name in names))
