"""All rows of the AADSTS catalogue: one for each code that the provider answers or that a fault may answer."""

from __future__ import annotations

from ssosim.entra.core.aadsts_application_rows import APPLICATION_ROWS
from ssosim.entra.core.aadsts_client_rows import CLIENT_ROWS
from ssosim.entra.core.aadsts_desktop_rows import DESKTOP_ROWS
from ssosim.entra.core.aadsts_protocol_rows import PROTOCOL_ROWS
from ssosim.entra.core.aadsts_row import Aadsts, EndpointVersion
from ssosim.entra.core.aadsts_user_rows import USER_ROWS

__all__ = ["ROWS", "Aadsts", "EndpointVersion"]

ROWS: tuple[Aadsts, ...] = (*USER_ROWS, *APPLICATION_ROWS, *CLIENT_ROWS, *PROTOCOL_ROWS, *DESKTOP_ROWS)
