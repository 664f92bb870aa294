"""Base class of faults of certificates."""

from __future__ import annotations

import dataclasses
import re

from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, CertificateTrouble, Fault, FaultState

__all__ = ["CertificateFault"]


_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.?")
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")  # of a scenario (ssosim.estate.placeholders)


class CertificateFault(Fault, frozen=True, kw_only=True):
    """The server at ``host`` presents a bad certificate. Connections that are open are closed.

    ``first``: the fault is undone after this many handshakes, of any client.
    """

    host: str
    first: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not (_HOST.fullmatch(self.host) or _PLACEHOLDER.fullmatch(self.host)) or len(self.host) > 253:
            raise ValueError(f"host {self.host[:80]!r} is not a host name")

    @property
    def trouble(self) -> CertificateTrouble:
        """Return what is wrong with the certificate."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with that certificate."""
        if _PLACEHOLDER.fullmatch(self.host):
            raise FaultError(f"host {self.host!r} is not a host name")
        host = self.host.lower().rstrip(".")
        certificates, presented = (
            {**state.certificates, host: self.trouble},
            {**state.presented, host: applied.count_hit},
        )
        return dataclasses.replace(state, certificates=certificates, presented=presented)
