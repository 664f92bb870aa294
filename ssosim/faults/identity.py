"""Faults of certificates, of the KDC, and of what the provider says of a domain."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

import msgspec

from ssosim.dns import DnsChangeError
from ssosim.estate import Estate
from ssosim.faults.base import Applied, CertificateTrouble, DnsFault, FaultState, KdcRule
from ssosim.kerberos.codes import KrbCode

__all__ = [
    "CertificateExpired",
    "CertificateUntrusted",
    "CertificateWrongName",
    "KdcRefuses",
    "KdcSilent",
    "RealmManaged",
]


_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.?")


class CertificateFault(DnsFault, frozen=True, kw_only=True):
    """The server at ``host`` presents another certificate from now on; connections that stand are not kept.

    ``first``: at the first so many handshakes, whoever's, then it is undone.
    """

    host: str
    first: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no certificate can be made out to."""
        super().__post_init__()
        if not _HOST.fullmatch(self.host) or len(self.host) > 253:
            raise ValueError(f"host {self.host[:80]!r} is not a host name")

    @property
    def trouble(self) -> CertificateTrouble:
        """What is wrong with it."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """``state`` with that certificate."""
        host = self.host.lower().rstrip(".")
        certificates, presented = (
            {**state.certificates, host: self.trouble},
            {**state.presented, host: applied.count_hit},
        )
        return dataclasses.replace(state, certificates=certificates, presented=presented)


class CertificateExpired(CertificateFault, frozen=True, kw_only=True, tag="certificate-expired"):
    """The date notAfter of the certificate has passed. Source: Teams, 3 February 2020."""

    @property
    def trouble(self) -> CertificateTrouble:
        """What is wrong with it."""
        return "expired"

    def describe(self) -> str:
        """One line for people."""
        return f"the certificate of {self.host} has expired"


class CertificateWrongName(CertificateFault, frozen=True, kw_only=True, tag="certificate-wrong-name"):
    """It is made out to another name.

    Source: CRM Online, 22 December 2014 (a record that led to another service's host).
    """

    @property
    def trouble(self) -> CertificateTrouble:
        """What is wrong with it."""
        return "wrong-name"

    def describe(self) -> str:
        """One line for people."""
        return f"the certificate of {self.host} is made out to another name"


class CertificateUntrusted(CertificateFault, frozen=True, kw_only=True, tag="certificate-untrusted"):
    """Its authority is not one that devices trust: a box that breaks TLS open. Source: MSAL.NET issue 1825."""

    @property
    def trouble(self) -> CertificateTrouble:
        """What is wrong with it."""
        return "untrusted"

    def describe(self) -> str:
        """One line for people."""
        return f"the certificate of {self.host} is of an authority that nobody trusts"


class KdcFault(DnsFault, frozen=True, kw_only=True):
    """Strikes requests to the KDC: of ``clients`` only, if any are named; ``first``: so many, then it is undone."""

    clients: tuple[str, ...] = ()
    first: int | None = None

    @property
    def refusal(self) -> int | None:
        """The number of the error that is answered, None for silence."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """``state`` with a rule more."""
        return dataclasses.replace(state, kdc=(*state.kdc, KdcRule(self.clients, self.refusal, applied.count_hit)))

    def whom(self, before: str = " ") -> str:
        """Which requests, for people."""
        clients = f"{before}{', '.join(self.clients)}" if self.clients else ""
        return clients + (f", the first {self.first}" if self.first is not None else "")


class KdcSilent(KdcFault, frozen=True, kw_only=True, tag="kdc-silent"):
    """The KDC does not answer, as for a device outside the corporate network.

    Tickets that a device has go on working. Source: Entra documentation, Seamless SSO needs a domain controller in
    sight; troubleshooting check list.
    """

    @property
    def refusal(self) -> int | None:
        """Silence."""
        return None

    def describe(self) -> str:
        """One line for people."""
        return f"the KDC does not answer{self.whom()}"


class KdcRefuses(KdcFault, frozen=True, kw_only=True, tag="kdc-refuses"):
    """The KDC answers ticket requests with ``error``.

    Source: Microsoft support KB5021131 (KDC_ERR_ETYPE_NOSUPP); RFC 4120 section 7.5.9.
    """

    error: Literal["KDC_ERR_ETYPE_NOSUPP", "KDC_ERR_S_PRINCIPAL_UNKNOWN", "KDC_ERR_POLICY", "KRB_AP_ERR_SKEW"] = (
        "KDC_ERR_ETYPE_NOSUPP"
    )

    @property
    def refusal(self) -> int | None:
        """The error's number."""
        return int(KrbCode[self.error])

    def describe(self) -> str:
        """One line for people."""
        return f"the KDC refuses tickets with {self.error}{self.whom(', to ')}"


class RealmManaged(DnsFault, frozen=True, kw_only=True, tag="realm-managed"):
    """The provider calls the users of ``tenant`` (one of its domains) managed: Seamless SSO is switched off for it.

    As a measure it cures password clients, which then need no MEX. Source: Measured here: a realm that turns Managed.
    """

    tenant: str

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """``state`` with Seamless SSO off."""
        return dataclasses.replace(state, estate=(*state.estate, self._switched_off))

    def _switched_off(self, estate: Estate) -> Estate:
        tenants = tuple(
            msgspec.structs.replace(tenant, desktop_sso=False)
            if self.tenant in (tenant.id, tenant.initial_domain, *(domain.name for domain in tenant.domains))
            else tenant
            for tenant in estate.tenants
        )
        if tenants == estate.tenants:
            raise DnsChangeError(f"there is no tenant {self.tenant!r} with Seamless SSO")
        return msgspec.structs.replace(estate, tenants=tenants)

    def describe(self) -> str:
        """One line for people."""
        return f"Seamless SSO is off for {self.tenant}: its users are answered as managed"
