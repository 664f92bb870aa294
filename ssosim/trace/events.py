"""What can happen in a lab, as values.

One frozen dataclass a kind of event; each knows its layer. Verdicts are built from these and nothing else, so an
event says what went over the wire, never what a client believes. No event ever holds a secret: tickets, assertions,
tokens and passwords are described (their kind, their owner, a short digest), not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ssosim.trace.steps import SignInStep

__all__ = [
    "ClientFinished",
    "ClientMessage",
    "ConnectionFailed",
    "DeviceCodeIssued",
    "DnsAnswered",
    "Event",
    "FaultApplied",
    "FaultUndone",
    "HttpExchange",
    "KdcExchange",
    "LabEvent",
    "PhaseStarted",
    "TicketChecked",
    "TokenIssued",
    "UserPrompted",
]

Layer = Literal["dns", "kerberos", "http", "token", "fault", "client", "lab"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. ``layer`` is where on the wire it was seen."""

    layer: ClassVar[Layer] = "lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswered(Event):
    """One DNS answer that left a server.

    ``name`` has no trailing dot. ``rcode`` is the mnemonic, with ``NODATA`` for NOERROR without answer records and
    ``DROPPED`` where a fault kept the answer back, ``TRUNCATED`` where one cut it, and ``REFERRAL`` where a name server
    names those of a zone below. ``answers`` are ``"TYPE value"`` in answer order. ``by`` names the name server or
    resolver that answered, empty for the lab's one server; ``origin`` says of a resolver's answer where it had it from.
    """

    layer: ClassVar[Layer] = "dns"
    name: str
    type: str
    rcode: str
    answers: tuple[str, ...] = ()
    transport: Literal["udp", "tcp"] = "udp"
    by: str = ""
    origin: Literal["", "cache", "stale", "upstream"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KdcExchange(Event):
    """One AS or TGS exchange as seen in front of the KDC.

    ``outcome`` is ``"issued"``, the error's RFC 4120 name (``KDC_ERR_S_PRINCIPAL_UNKNOWN``), or ``"no answer"``.
    ``client`` principal is empty for TGS-REQs, which do not carry it in the clear.
    """

    layer: ClassVar[Layer] = "kerberos"
    request: Literal["AS", "TGS", "unreadable"]
    service: str
    outcome: str
    principal: str = ""
    realm: str = ""
    transport: Literal["udp", "tcp"] = "udp"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketChecked(Event):
    """A service looked at a Negotiate token. ``mechanism`` is what was inside; ``reason`` says why it was refused."""

    layer: ClassVar[Layer] = "kerberos"
    accepted: bool
    mechanism: Literal["kerberos", "ntlm", "unknown"]
    service: str = ""
    principal: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpExchange(Event):
    """One HTTP request and its answer. ``path`` has its query removed; ``code`` is the AADSTS number, if one was given.

    ``auth`` is what the request carried: nothing, a Negotiate token by mechanism, or a password in the body. ``status``
    is 0 where a fault kept the answer back; ``injected``: what came was not the service's own answer; ``dropped``: none
    came, and the connection was ended at once.
    ``step`` is what the provider has at that path, whoever answered.
    ``scheme`` and ``port`` are those of where the request arrived.
    """

    layer: ClassVar[Layer] = "http"
    host: str
    method: str
    path: str
    status: int
    auth: Literal["none", "kerberos", "ntlm", "negotiate", "password"] = "none"
    code: int | None = None
    request_id: str = ""
    elapsed_ms: float = 0.0
    injected: bool = False
    step: SignInStep = SignInStep.OTHER
    scheme: Literal["https", "http"] = "https"
    port: int = 443
    dropped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssued(Event):
    """An assertion or token was given out. ``grant`` is how it was earned; ``digest`` tells tokens apart."""

    layer: ClassVar[Layer] = "token"
    kind: Literal["assertion", "access", "refresh", "id", "browser"]
    grant: str
    subject: str
    audience: str = ""
    client_id: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCodeIssued(Event):
    """A client got a device code. ``user_code`` is what the person is to type; it opens nothing without a sign-in."""

    layer: ClassVar[Layer] = "token"
    client_id: str
    user_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultApplied(Event):
    """A fault took effect. ``name`` is its registered name, ``detail`` what it changed."""

    layer: ClassVar[Layer] = "fault"
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultUndone(Event):
    """A fault was taken back; ``reason`` says which limit it had come to, empty where somebody took it back."""

    layer: ClassVar[Layer] = "fault"
    name: str
    detail: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted(Event):
    """A scenario entered a phase."""

    layer: ClassVar[Layer] = "lab"
    scenario: str
    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPrompted(Event):
    """A client asked the person at the device for something. Reported by device or page, not by the client."""

    layer: ClassVar[Layer] = "client"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailed(Event):
    """No connection came about. ``reason`` refines ``stage``; ``host`` is empty where nobody has named it.

    ``by`` is who saw it: the device itself; the server, of a program's TLS; or the wire, where no host is. A server has
    its ``reason`` from the alert that ended TLS, by its name in RFC 8446, section 6.2. Without one it is ``closed`` of
    who was shown a bad certificate, and ``unfinished`` of who left the handshake all the same. ``step`` is what the
    host is asked for first, since no path was seen; ``unknown`` where it is none of the estate's.
    """

    layer: ClassVar[Layer] = "http"
    host: str
    address: str
    stage: Literal["dns", "connect", "tls", "read"]
    reason: str = ""
    by: Literal["device", "server", "wire"] = "device"
    step: SignInStep = SignInStep.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMessage(Event):
    """What a client shows or logs, for the reader; no verdict rests on it."""

    layer: ClassVar[Layer] = "client"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFinished(Event):
    """A program ended. ``exit_code`` is as a shell gives it; negative where a signal from outside stopped the program.

    Outside are its deadline, who ended its ``exec``, and the control API: that is no failure of its own.
    """

    layer: ClassVar[Layer] = "client"
    program: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabEvent(Event):
    """Something about the lab itself: a part started, stopped or failed."""

    layer: ClassVar[Layer] = "lab"
    part: str
    text: str
