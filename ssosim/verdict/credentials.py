"""Which kind of credential has given a token without a person, and which ones did not before: from trace records alone.

A chained credential tries one after the other and stops at the first token, or at the first that *fails*. One that is
only unavailable is passed by. The trace shows what was asked for on the wire, and not what a library decided by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from ssosim.trace import (
    ClientAuthenticated,
    ConnectionFailed,
    Event,
    HttpExchange,
    ManagedIdentityRequested,
    Record,
    SignInStep,
    TokenIssued,
)

__all__ = ["describe_credential", "describe_unavailable_credentials", "is_probe_without_host"]

_METHODS = {
    "client_secret": "a client secret",
    "certificate": "a certificate",
    "certificate_subject": "a certificate of a trusted subject",
    "federated_credential": "the federated credential",
}


def is_probe_without_host(event: Event) -> bool:
    """Return whether a program has asked for the metadata service on a device that has none."""
    return isinstance(event, ConnectionFailed) and event.step is SignInStep.MANAGED_IDENTITY and event.by == "wire"


def describe_credential(records: Sequence[Record], issued: Record) -> str:
    """Describe the credential behind the token of ``issued``; empty for that of a person, and for a service's page."""
    token = issued.event
    if not isinstance(token, TokenIssued):
        return ""
    before = [record.event for record in records if record.seq < issued.seq]
    if token.grant == "managed_identity":
        for event in reversed(before):
            if isinstance(event, ManagedIdentityRequested) and event.client_id == token.client_id:
                named = f", asked for by {event.requested.partition(' ')[0]}" if event.requested else ""
                return f"the managed identity {event.identity} of {event.device} ({event.host_kind}){named}"
        return f"the managed identity {token.subject}"
    if token.grant == "cloud_shell":
        return f"the Cloud Shell of {token.subject}"
    if token.grant == "client_credentials":
        for event in reversed(before):
            if isinstance(event, ClientAuthenticated) and event.client_id.lower() == token.client_id.lower():
                credential = f" {event.credential}" if event.method == "federated_credential" else ""
                return f"{_METHODS[event.method]}{credential} of {event.client_id}"
    return ""


def describe_unavailable_credentials(records: Sequence[Record], issued: Record) -> str:
    """Describe the credentials that gave no token before ``issued``, in the order in which they were tried."""
    found: dict[str, None] = {}
    token = issued.event
    for record in records:
        event = record.event
        if record.seq >= issued.seq:
            break
        if is_probe_without_host(event):
            found["a managed identity, for which no host answered"] = None
        elif isinstance(event, ManagedIdentityRequested) and event.error:
            found[f"the managed identity of {event.device} ({event.host_kind}), refused: {event.error}"] = None
        elif isinstance(event, HttpExchange) and event.step is SignInStep.MANAGED_IDENTITY and event.status >= 500:
            found[f"a managed identity, whose host answered {event.status}"] = None
    if isinstance(token, TokenIssued) and token.grant == "managed_identity":
        found = {text: None for text in found if "host answered" not in text}  # retries of the same credential
    return " and ".join(found)
