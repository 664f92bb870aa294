"""The fault ``certificate-removed``."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace

from ssosim.estate import Application, Estate
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.estate_fault import EstateFault, change_application

__all__ = ["CertificateRemoved"]


class CertificateRemoved(EstateFault, frozen=True, kw_only=True, tag="certificate-removed"):
    """The certificates of the application ``client_id`` are removed from its registration: AADSTS700027.

    Source: cli-microsoft365 issue 1621.
    """

    CODES: ClassVar[tuple[int, ...]] = (700027,)

    client_id: str

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` without the certificates."""
        return change_application(estate, self.client_id, _remove)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the certificates of {self.client_id} are removed"


def _remove(application: Application) -> Application:
    if not application.certificates:
        raise FaultError(f"{application.name} ({application.client_id}) has no certificate to remove")
    return replace(application, certificates=())
