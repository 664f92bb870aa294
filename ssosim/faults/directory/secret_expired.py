"""The fault ``secret-expired``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from msgspec.structs import replace

from ssosim.estate import Application, ClientSecret, Estate
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.estate_fault import EstateFault, change_application

_BEFORE = datetime(1970, 1, 2, tzinfo=UTC)

__all__ = ["SecretExpired"]


class SecretExpired(EstateFault, frozen=True, kw_only=True, tag="secret-expired"):
    """The secrets of the application ``client_id`` have expired: AADSTS7000222.

    Source: botframework-sdk issue 6221.
    """

    CODES: ClassVar[tuple[int, ...]] = (7000222,)

    client_id: str

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the secrets expired."""
        return change_application(estate, self.client_id, _expire)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the secrets of {self.client_id} have expired"


def _expire(application: Application) -> Application:
    own = () if application.client_secret is None else (ClientSecret(value=application.client_secret),)
    secrets = tuple(replace(each, start_date_time=None, end_date_time=_BEFORE) for each in (*own, *application.secrets))
    if not secrets:
        raise FaultError(f"{application.name} ({application.client_id}) has no secret that could expire")
    return replace(application, client_secret=None, secrets=secrets)
