"""The events of a trace, as values.

There is one frozen structure for each kind of event, and each has its layer. Verdicts are made from events alone, so an
event records what was sent and received, and never what a client reports of itself. No event holds a secret: of
tickets, assertions, tokens and passwords it has the kind, the owner and a short digest.

They are structures of msgspec: a lab makes many a second, and msgspec makes each one and each class sooner than
``dataclasses`` does.

``faults`` of an event are the numbers of the faults that changed this exchange (``FaultApplied.id``): without them the
client would have received something else, or at another time. Faults in force that changed nothing are not among them.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from ssosim.trace.steps import SignInStep

__all__ = [
    "AccessTokenChecked",
    "ClientAuthenticated",
    "ClientFinished",
    "ClientMessage",
    "ConnectionFailed",
    "CredentialExposed",
    "DeviceCodeIssued",
    "DnsAnswered",
    "Event",
    "FaultApplied",
    "FaultUndone",
    "HttpExchange",
    "IssuerDocumentFetched",
    "KdcExchange",
    "LabEvent",
    "LabPaused",
    "LastStepDeclared",
    "ManagedIdentityRequested",
    "PhaseStarted",
    "SignInsStarted",
    "TicketChecked",
    "TokenIssued",
    "UnattendedSignIn",
    "UserPrompted",
]

Layer = Literal["dns", "kerberos", "http", "token", "fault", "client", "lab"]


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """Base class of all events. ``layer`` is the protocol or the part of the lab that it belongs to."""

    layer: ClassVar[Layer] = "lab"


class DnsAnswered(Event, frozen=True, kw_only=True, gc=False):
    """One DNS answer that a server sent, or that a fault dropped.

    ``name`` has no trailing dot. ``rcode`` is the mnemonic, and four more values: ``NODATA`` for NOERROR without answer
    records, ``DROPPED`` if a fault dropped the answer, ``TRUNCATED`` if a fault truncated it, ``REFERRAL`` if a name
    server referred to the name servers of a child zone. ``answers`` are ``"TYPE value"`` in answer order. ``by`` is the
    name server or resolver that answered, empty for the lab's only server; ``origin`` is the source of a resolver's
    answer. ``extended_error`` is why it is an error or old, such as ``22 No Reachable Authority`` (RFC 8914); clients
    get it if their query has EDNS.
    """

    layer: ClassVar[Layer] = "dns"
    name: str
    type: str
    rcode: str
    answers: tuple[str, ...] = ()
    transport: Literal["udp", "tcp"] = "udp"
    by: str = ""
    origin: Literal["", "cache", "stale", "upstream"] = ""
    faults: tuple[int, ...] = ()
    extended_error: str = ""


class KdcExchange(Event, frozen=True, kw_only=True, gc=False):
    """One AS or TGS exchange, recorded by the gateway in front of the KDC.

    ``outcome`` is ``"issued"``, the error's RFC 4120 name (``KDC_ERR_S_PRINCIPAL_UNKNOWN``), or ``"no answer"``.
    ``principal`` is the client; it is empty for TGS requests, which carry it encrypted. ``kvno`` and ``etype`` are the
    version and the encryption type of the key that an issued ticket is encrypted with (RFC 4120, section 5.2.9).
    ``transport`` is ``https`` where the request came through a KDC proxy (MS-KKDCP). ``kdc`` is the host of the KDC; it
    is empty where the lab has one only. ``AP``: no message was sent, since by the clock of the device its ticket is not
    valid yet.
    """

    layer: ClassVar[Layer] = "kerberos"
    request: Literal["AS", "TGS", "AP", "unreadable"]
    service: str
    outcome: str
    principal: str = ""
    realm: str = ""
    transport: Literal["udp", "tcp", "https"] = "udp"
    faults: tuple[int, ...] = ()
    kvno: int | None = None
    etype: str = ""
    kdc: str = ""


class TicketChecked(Event, frozen=True, kw_only=True, gc=False):
    """A service checked a Negotiate token. ``mechanism`` is what the token held; ``reason`` is why it was refused.

    ``kvno`` and ``etype`` are those of the key that the ticket is encrypted with, ``session_etype`` is the type of the
    session key; they are empty where the token could not be read.
    """

    layer: ClassVar[Layer] = "kerberos"
    accepted: bool
    mechanism: Literal["kerberos", "ntlm", "unknown"]
    service: str = ""
    principal: str = ""
    reason: str = ""
    kvno: int | None = None
    etype: str = ""
    session_etype: str = ""
    faults: tuple[int, ...] = ()


class HttpExchange(Event, frozen=True, kw_only=True, gc=False):
    """One HTTP request and its response. ``path`` is without the query.

    ``code`` is the AADSTS number in the response, if there is one, and ``error_description`` the text of the provider
    with that number, without ids and time stamp. An error page has status 200 and a code.
    ``auth`` is what the request carried: nothing, a Negotiate token by mechanism, a password in the body, or an access
    token (``bearer``). ``status`` is 0 where a fault kept the answer back; ``injected``: what came was not the
    service's own answer; ``dropped``: none came, and the connection was ended at once.
    ``step`` is what the provider has at that path, whoever answered.
    ``scheme`` and ``port`` are those of where the request arrived. ``client_credential`` is what a request for an
    application's own token (client credentials) carried to prove which application it is. ``mutual_token``: the
    response to a ticket has a token of the service, with which the client can check it (RFC 4559, section 4.2).
    """

    layer: ClassVar[Layer] = "http"
    host: str
    method: str
    path: str
    status: int
    auth: Literal["none", "kerberos", "ntlm", "negotiate", "password", "bearer"] = "none"
    code: int | None = None
    request_id: str = ""
    elapsed_ms: float = 0.0
    injected: bool = False
    step: SignInStep = SignInStep.OTHER
    scheme: Literal["https", "http"] = "https"
    port: int = 443
    dropped: bool = False
    error_description: str = ""
    client_credential: Literal["", "client_secret", "client_assertion"] = ""
    mutual_token: bool = False
    faults: tuple[int, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether an error was answered: by the status, or by an AADSTS code, which an error page has too."""
        return self.status >= 400 or self.code is not None


class CredentialExposed(Event, frozen=True, kw_only=True, gc=False):
    """A request carried a credential that its recipient must not have. It follows the exchange, if there was one.

    ``credential`` is the kind, such as ``password``, ``owner`` whose it is (for a ticket, the service that it is for),
    ``part`` where in the request it was, ``reason`` why the recipient must not have it. ``address`` is that of a host
    outside of the estate, empty for a service of the lab. The credential itself is not in the trace.
    """

    layer: ClassVar[Layer] = "http"
    credential: str
    host: str
    part: str
    reason: str
    owner: str = ""
    address: str = ""


class TokenIssued(Event, frozen=True, kw_only=True, gc=False):
    """An assertion or token was issued. ``grant`` is the grant type or method; ``digest`` distinguishes tokens.

    ``not_checked`` are the rules of the identity provider that were switched off and that the token does not keep.
    """

    layer: ClassVar[Layer] = "token"
    kind: Literal["assertion", "access", "refresh", "id", "browser"]
    grant: str
    subject: str
    audience: str = ""
    client_id: str = ""
    digest: str = ""
    not_checked: tuple[str, ...] = ()


class AccessTokenChecked(Event, frozen=True, kw_only=True, gc=False):
    """A resource server has checked the access token of a request.

    ``resource`` is its host. ``subject`` is the object id of the token, ``client_id`` the application that got it,
    ``digest`` that of the ``TokenIssued``; they are empty where no token came, or one that is not the provider's.
    ``accepted`` says nothing of permissions: the exchange that follows has the answer.
    """

    layer: ClassVar[Layer] = "token"
    resource: str
    accepted: bool
    reason: str = ""
    audience: str = ""
    subject: str = ""
    client_id: str = ""
    digest: str = ""


class ClientAuthenticated(Event, frozen=True, kw_only=True, gc=False):
    """A client has proved which application it is.

    ``credential`` names the credential without its value: key id or display name of a secret, thumbprint of a
    certificate, subject name, or name of a federated credential. ``issuer`` and ``subject`` are those of the assertion.
    ``lenient`` are the settings without which the client would have been refused.
    """

    layer: ClassVar[Layer] = "token"
    client_id: str
    method: Literal["client_secret", "certificate", "certificate_subject", "federated_credential"]
    credential: str = ""
    issuer: str = ""
    subject: str = ""
    lenient: tuple[str, ...] = ()


class ManagedIdentityRequested(Event, frozen=True, kw_only=True, gc=False):
    """A program has asked its host for a token of a managed identity.

    ``host_kind`` is the kind of the device called ``device``. ``requested`` is the id that the program named, with its
    parameter (``client_id 1234...``); empty if it named none. ``identity`` is the identity that the host gave a token
    of, with its client id in ``client_id``; both are empty if it gave none, and ``error`` says why. ``resource`` is the
    API as the program named it. ``ignored`` are parameters by which other hosts, or other versions of this one, name an
    identity, and this host does not: the program may have meant another identity than it got.
    """

    layer: ClassVar[Layer] = "token"
    host_kind: str
    device: str
    requested: str = ""
    identity: str = ""
    client_id: str = ""
    resource: str = ""
    error: str = ""
    ignored: str = ""


class IssuerDocumentFetched(Event, frozen=True, kw_only=True, gc=False):
    """The identity provider has fetched, or tried to fetch, a document of another issuer for a client's request.

    ``status`` is the HTTP status, 0 without a response. ``error`` says why there is no document; it is empty if there
    is one.
    """

    layer: ClassVar[Layer] = "http"
    url: str
    status: int = 0
    error: str = ""


class DeviceCodeIssued(Event, frozen=True, kw_only=True, gc=False):
    """A client got a device code. ``user_code`` is for the user to type; it is of no use without a sign-in."""

    layer: ClassVar[Layer] = "token"
    client_id: str
    user_code: str


class FaultApplied(Event, frozen=True, kw_only=True, gc=False):
    """A fault was applied. ``name`` is its registered name, ``detail`` describes the change.

    ``id`` is the number by which the events of exchanges name it (``faults``), from 1; 0 in traces of older versions.
    """

    layer: ClassVar[Layer] = "fault"
    name: str
    detail: str = ""
    id: int = 0


class FaultUndone(Event, frozen=True, kw_only=True, gc=False):
    """A fault was undone. ``reason`` is the limit that it reached; empty if a request undid it. ``id`` as applied."""

    layer: ClassVar[Layer] = "fault"
    name: str
    detail: str = ""
    reason: str = ""
    id: int = 0


class PhaseStarted(Event, frozen=True, kw_only=True, gc=False):
    """A scenario entered a phase."""

    layer: ClassVar[Layer] = "lab"
    scenario: str
    phase: str


class SignInsStarted(Event, frozen=True, kw_only=True, gc=False):
    """The clients of a scenario start to sign in, ``sign_in_at`` seconds after the start of the phase.

    Only of a phase that has ``sign_in_at``. The verdicts on these sign-ins are from the records after this one.
    """

    layer: ClassVar[Layer] = "lab"
    scenario: str
    phase: str
    sign_in_at: float


class UserPrompted(Event, frozen=True, kw_only=True, gc=False):
    """A client prompted the user of the device. The device or the sign-in page reports it, not the client."""

    layer: ClassVar[Layer] = "client"
    reason: str = ""


class UnattendedSignIn(Event, frozen=True, kw_only=True, gc=False):
    """A program answered a sign-in page that no browser displayed: nobody was asked."""

    layer: ClassVar[Layer] = "client"
    reason: str = ""


class ConnectionFailed(Event, frozen=True, kw_only=True, gc=False):
    """A connection failed. ``stage`` is the phase, ``reason`` the detail; ``host`` is empty if its name is not known.

    ``by`` is the observer: the device of a model, the server of a TLS connection, or ``wire`` for an address without a
    host. A server takes ``reason`` from the TLS alert, by its name in RFC 8446, section 6.2. Without an alert it is
    ``closed`` if the client had received a bad certificate and closed after the handshake, and ``unfinished`` if the
    client closed within the handshake. ``step`` is the first sign-in step at that host, since there was no request with
    a path; ``unknown`` for a host that is not of the estate. ``port`` is 0 where it is not known.
    """

    layer: ClassVar[Layer] = "http"
    host: str
    address: str
    stage: Literal["dns", "connect", "tls", "read"]
    reason: str = ""
    by: Literal["device", "server", "wire"] = "device"
    step: SignInStep = SignInStep.UNKNOWN
    port: int = 0
    faults: tuple[int, ...] = ()


class ClientMessage(Event, frozen=True, kw_only=True, gc=False):
    """Output of a client, for the reader of the trace. No outcome depends on it.

    A reason may cite which members of a chained credential it names, and says that it does.
    """

    layer: ClassVar[Layer] = "client"
    text: str


class ClientFinished(Event, frozen=True, kw_only=True, gc=False):
    """A client ended. ``exit_code`` is that of a shell; negative if a signal of ssosim ended the program.

    ssosim ends a program at its ``deadline``, by a ``request`` (its ``exec`` was interrupted, or the control API), and
    a client model at the ``limit`` of its events per hour. Such an end is not a failure of the client: it was still
    running. ``running_s`` are the seconds that it ran, if known: real ones of a program, the lab's of a model.
    ``error`` is the text of an exception that a client model raised.
    """

    layer: ClassVar[Layer] = "client"
    program: str
    exit_code: int
    stopped: Literal["", "deadline", "request", "limit"] = ""
    running_s: float | None = None
    error: str = ""


class LabEvent(Event, frozen=True, kw_only=True, gc=False):
    """A message about the lab itself: a part started, stopped or failed.

    ``device_kind`` is the kind of the device on which a program has started, and empty for other messages.
    """

    layer: ClassVar[Layer] = "lab"
    part: str
    text: str
    device_kind: str = ""


class LastStepDeclared(Event, frozen=True, kw_only=True, gc=False):
    """The sign-in of this client is complete with ``last_step``, as whoever runs it has said.

    Without it, a WS-Trust assertion is only a step on the way to a token.
    """

    layer: ClassVar[Layer] = "client"
    last_step: SignInStep


class LabPaused(Event, frozen=True, kw_only=True, gc=False):
    """The lab itself stood still for a while, and answered nobody: its loop was held up, or its process stopped.

    By the lab's clock it began at ``started_at`` and took ``lab_s``, which is 0 where that clock is virtual; by the
    machine's it began at ``real_started_at`` and took ``real_s``. Moments are in seconds since the Unix epoch, to
    within 0.05 s. ``cpu_s`` is the processor time of the lab's loop in that time: near ``real_s`` where it computed,
    near 0 where it was blocked or stopped. ``after_seq`` is the number of the last record before it; those from there
    to this one are answers to what had come meanwhile.
    """

    layer: ClassVar[Layer] = "lab"
    started_at: float
    lab_s: float
    real_started_at: float
    real_s: float
    cpu_s: float
    after_seq: int
