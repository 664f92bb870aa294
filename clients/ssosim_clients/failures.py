"""The failures of a sign-in, as typed exceptions.

A device raises ``DnsFailure``, ``NetworkFailure`` and ``TicketFailure`` through its ports. A flow raises
``HttpFailure``, ``ProtocolFailure``, ``OauthFailure``, ``InteractionRequired`` and ``CredentialUnavailable``. None of
these contains the stage of the sign-in. The flow adds it: it wraps each failure in a ``StageFailure``. A network-error
policy gets both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Literal

__all__ = [
    "CredentialUnavailable",
    "DnsFailure",
    "Failure",
    "HttpFailure",
    "InteractionRequired",
    "NetworkFailure",
    "OauthFailure",
    "ProtocolFailure",
    "Stage",
    "StageFailure",
    "TicketFailure",
    "TicketKind",
    "during",
]

DnsKind = Literal["nxdomain", "nodata", "servfail", "refused", "timeout"]
NetworkStage = Literal["dns", "connect", "tls", "read"]
TicketKind = Literal["server-unknown", "kdc-unreachable", "no-credentials", "expired", "other"]


class Stage(StrEnum):
    """The stages of a silent sign-in, in order. Source: Entra documentation, how Seamless SSO works."""

    REALM = "realm"
    """realm discovery: is the user's domain managed or federated?"""
    MEX = "mex"
    """metadata exchange: the WS-Trust endpoints"""
    CHALLENGE = "challenge"
    """the first request to windowstransport, which is answered with 401 and ``WWW-Authenticate: Negotiate``"""
    TICKET = "ticket"
    """the SPN is formed and a service ticket is requested"""
    TRUST = "trust"
    """the request to windowstransport with the ticket"""
    TOKEN = "token"  # noqa: S105 - the stage's name, no secret
    """the assertion (or a password) is exchanged for tokens"""


class Failure(Exception):  # noqa: N818 - a failure of the environment, not a programming error
    """Base class of the failures of a sign-in, about which a policy decides."""


@dataclass(eq=False)
class DnsFailure(Failure):
    """A look-up of ``name`` gave no address. ``nodata``: the name exists, without records of the requested type."""

    kind: DnsKind
    name: str

    def __str__(self) -> str:
        return f"{self.name}: {self.kind}"


@dataclass(eq=False)
class NetworkFailure(Failure):
    """There was no HTTP response.

    ``kind`` details ``stage``: a DNS kind, ``refused``, ``timeout`` or ``bad-certificate``.
    """

    stage: NetworkStage
    kind: str
    text: str = ""

    @classmethod
    def from_dns(cls, failure: DnsFailure) -> NetworkFailure:
        """The failure that an HTTP client reports for a failed look-up, with the same kind."""
        return cls("dns", failure.kind, f"could not resolve {failure.name} ({failure.kind})")

    def __str__(self) -> str:
        return self.text or f"{self.stage}: {self.kind}"


@dataclass(eq=False)
class TicketFailure(Failure):
    """There is no service ticket for ``spn``. ``server-unknown`` is KDC_ERR_S_PRINCIPAL_UNKNOWN (RFC 4120)."""

    kind: TicketKind
    spn: str
    text: str = ""

    def __str__(self) -> str:
        return self.text or f"no ticket for {self.spn}: {self.kind}"


@dataclass(eq=False)
class HttpFailure(Failure):
    """An HTTP response had an unexpected status. ``code`` is the AADSTS number, if the body contains one."""

    status: int
    text: str = ""
    code: int | None = None

    def __str__(self) -> str:
        return f"HTTP {self.status}" + (f": {self.text}" if self.text else "")


@dataclass(eq=False)
class ProtocolFailure(Failure):
    """A successful HTTP response whose body cannot be parsed."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(eq=False)
class OauthFailure(Failure):
    """An error response of the token endpoint (RFC 6749, section 5.2). ``code`` is the AADSTS number."""

    error: str
    code: int | None = None
    text: str = ""
    suberror: str = ""

    def __str__(self) -> str:
        return f"{self.error}: {self.text}" if self.text else self.error


@dataclass(eq=False)
class InteractionRequired(Failure):
    """The service offers this user no silent sign-in; the user has to sign in interactively."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(eq=False)
class CredentialUnavailable(Failure):
    """This credential is not set up on the device. A chain of credentials continues with the next one.

    Source: azure-identity, CredentialUnavailableError, the only error after which a chain continues.
    """

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(eq=False)
class StageFailure(Failure):
    """An attempt failed in ``stage`` because of ``failure``."""

    stage: Stage
    failure: Failure

    def __str__(self) -> str:
        return f"{self.stage}: {self.failure}"


class during:  # noqa: N801 - used as a statement: ``with during(Stage.MEX): ...``
    """Context manager that turns a ``Failure`` into a ``StageFailure`` of ``stage``; other exceptions pass."""

    __slots__ = ("_stage",)

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Failure) and not isinstance(error, StageFailure):
            raise StageFailure(self._stage, error) from error
