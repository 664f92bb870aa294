"""The device of a real client's flow, by its name on Contoso."""

from __future__ import annotations

from ssosim.estate import default_estate
from ssosim.estate.device_choice import DeviceChoice, choose_device

__all__ = ["device_name"]


def device_name(device: str | DeviceChoice | None) -> str:
    """Return the name of ``device``; by default that of the first device."""
    estate = default_estate()
    if isinstance(device, DeviceChoice):
        device = getattr(choose_device(estate, device), "name", None)
    return device or estate.devices[0].name
