"""Who sits where: the device that is meant, who is signed on there, with what credentials and which dice."""

from __future__ import annotations

from random import Random

from ssosim_clients.ports import AppCredentials

from ssosim.estate import Device, Estate, User
from ssosim.lab.base.errors import LabInputError

__all__ = ["app_credentials", "client_dice", "device_called", "user_on"]


def device_called(estate: Estate, name: str | None) -> Device:
    """The device called ``name``, or the estate's first; raises LabInputError for an unknown one."""
    if name is None:
        return estate.devices[0]
    device = estate.device(name)
    if device is None:
        known = ", ".join(device.name for device in estate.devices)
        raise LabInputError(f"there is no device {name!r} in the estate {estate.name!r}; known: {known}")
    return device


def user_on(estate: Estate, device: Device) -> User:
    """Who is signed on to ``device``; raises LabInputError for somebody without an account in the realm."""
    user = estate.user(device.user)
    if user is None or user.sam_account is None:
        raise LabInputError(f"device {device.name!r}: {device.user} has no account in the realm")
    return user


def app_credentials(estate: Estate, user: User) -> AppCredentials | None:
    """Those of the estate's first application that has a secret, in the tenant of ``user``; None without one."""
    for app in estate.applications:
        if app.client_secret is not None:
            return AppCredentials(app.client_id, user.tenant, app.client_secret)
    return None


def client_dice(seed: int, client: str) -> Random:
    """The dice of ``client`` for a scenario's ``seed``: the same throws at every run, whoever else plays."""
    return Random(f"{seed} {client}")  # noqa: S311 - which of two DNS answers comes first
