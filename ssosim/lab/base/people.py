"""Who sits where: the device that is meant, who is signed on there, with what credentials and which dice."""

from __future__ import annotations

from functools import partial
from random import Random

from ssosim_clients.ports import AppCredentials

from ssosim.entra import Keys
from ssosim.entra.core.jose import sign_client_assertion
from ssosim.entra.core.keys import SigningKey, generated_key_name
from ssosim.estate import Certificate, Device, Estate, User
from ssosim.lab.base.errors import LabInputError

__all__ = ["app_credentials", "client_random", "device_called", "find_certificate_key", "user_on"]


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
    if not device.user:
        raise LabInputError(f"device {device.name!r}: nobody is signed on to it; choose another device")
    if user is None or user.sam_account is None:
        raise LabInputError(f"device {device.name!r}: {device.user} has no account in the realm")
    return user


def app_credentials(estate: Estate, user: User, keys: Keys) -> AppCredentials | None:
    """Those of the estate's first application that has a certificate with its private key; None without one.

    They are for the tenant of ``user``. ``keys`` are those of the lab, which has generated certificates.
    """
    for app in estate.applications:
        for certificate in app.certificates:
            key = find_certificate_key(app.client_id, certificate, keys)
            if key is not None:
                return AppCredentials(app.client_id, user.tenant, partial(sign_client_assertion, key))
    return None


def find_certificate_key(client_id: str, certificate: Certificate, keys: Keys) -> SigningKey | None:
    """Return certificate and private key; None where the estate has the certificate only."""
    if certificate.is_generated:
        return keys.generated.get(generated_key_name(client_id, certificate))
    try:
        return SigningKey.from_pem(certificate.pem.encode())
    except (ValueError, TypeError):  # no private key, or an encrypted one
        return None


def client_random(seed: int, client: str) -> Random:
    """The dice of ``client`` for a scenario's ``seed``: the same throws at every run, whoever else plays."""
    return Random(f"{seed} {client}")  # noqa: S311 - which of two DNS answers comes first
