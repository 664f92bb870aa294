"""What can go wrong between a client and its token, as typed exceptions.

Two storeys. A device raises ``DnsFailure``, ``NetworkFailure`` and ``TicketFailure`` through its ports; the steps of a
flow add ``HttpFailure``, ``ProtocolFailure``, ``OauthFailure``, ``NotOffered`` and ``Unavailable``. None of them knows
in which stage of a sign-in it happened: the flow does, and says so with ``Stopped``. A network-error policy sees both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Literal

__all__ = [
    "DnsFailure",
    "Failure",
    "HttpFailure",
    "NetworkFailure",
    "NotOffered",
    "OauthFailure",
    "ProtocolFailure",
    "Stage",
    "Stopped",
    "TicketFailure",
    "TicketKind",
    "Unavailable",
    "at",
]

DnsKind = Literal["nxdomain", "nodata", "servfail", "refused", "timeout"]
NetworkStage = Literal["dns", "connect", "tls", "read"]
TicketKind = Literal["server-unknown", "kdc-unreachable", "no-credentials", "expired", "other"]


class Stage(StrEnum):
    """The stages of a silent sign-in, in order. Source: Entra documentation, how Seamless SSO works."""

    REALM = "realm"
    """asking the identity provider whose domain the user's is"""
    MEX = "mex"
    """reading the WS-Trust endpoints"""
    CHALLENGE = "challenge"
    """the first request to windowstransport, which earns a 401 Negotiate"""
    TICKET = "ticket"
    """forming the SPN and getting a service ticket"""
    TRUST = "trust"
    """the request to windowstransport that carries the ticket"""
    TOKEN = "token"  # noqa: S105 - the stage's name, no secret
    """exchanging the assertion (or a password) for tokens"""


class Failure(Exception):  # noqa: N818 - a failure of the world outside, not a programming error
    """Base of everything that a sign-in can meet and a policy can decide about."""


@dataclass(eq=False)
class DnsFailure(Failure):
    """A name has no address. ``nodata`` means that the name exists without records of the type asked."""

    kind: DnsKind
    name: str

    def __str__(self) -> str:
        return f"{self.name}: {self.kind}"


@dataclass(eq=False)
class NetworkFailure(Failure):
    """No HTTP answer came. ``kind`` refines ``stage``: the DNS kind, ``refused``, ``timeout``, ``bad-certificate``."""

    stage: NetworkStage
    kind: str
    text: str = ""

    @classmethod
    def from_dns(cls, failure: DnsFailure) -> NetworkFailure:
        """Wrap a failed look-up as what an HTTP client reports; the kind is kept."""
        return cls("dns", failure.kind, f"could not resolve {failure.name} ({failure.kind})")

    def __str__(self) -> str:
        return self.text or f"{self.stage}: {self.kind}"


@dataclass(eq=False)
class TicketFailure(Failure):
    """No service ticket for ``spn``. ``server-unknown`` is KDC_ERR_S_PRINCIPAL_UNKNOWN (RFC 4120)."""

    kind: TicketKind
    spn: str
    text: str = ""

    def __str__(self) -> str:
        return self.text or f"no ticket for {self.spn}: {self.kind}"


@dataclass(eq=False)
class HttpFailure(Failure):
    """An HTTP answer came and was not the one hoped for. ``code`` is the AADSTS number, if the body holds one."""

    status: int
    text: str = ""
    code: int | None = None

    def __str__(self) -> str:
        return f"HTTP {self.status}" + (f": {self.text}" if self.text else "")


@dataclass(eq=False)
class ProtocolFailure(Failure):
    """A successful HTTP answer that cannot be read as what it should be."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(eq=False)
class OauthFailure(Failure):
    """The token endpoint refused (RFC 6749, section 5.2). ``code`` is the AADSTS number."""

    error: str
    code: int | None = None
    text: str = ""
    suberror: str = ""

    def __str__(self) -> str:
        return f"{self.error}: {self.text}" if self.text else self.error


@dataclass(eq=False)
class NotOffered(Failure):
    """The service works and says that there is no silent sign-in for this user; only a person can go on."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(eq=False)
class Unavailable(Failure):
    """This way of signing in cannot be tried on this device; a chain of them goes on to the next.

    Source: azure-identity CredentialUnavailableError, which alone lets a chain continue.
    """

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(eq=False)
class Stopped(Failure):
    """An attempt ended at ``stage`` because of ``failure``."""

    stage: Stage
    failure: Failure

    def __str__(self) -> str:
        return f"{self.stage}: {self.failure}"


class at:  # noqa: N801 - reads as a statement: ``with at(Stage.MEX): ...``
    """Context manager: a ``Failure`` inside leaves as ``Stopped`` at ``stage``; cancellation passes untouched."""

    __slots__ = ("_stage",)

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Failure) and not isinstance(error, Stopped):
            raise Stopped(self._stage, error) from error
