"""Choose a device of an estate by the kind of its user, so that a scenario needs no device names."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ssosim.estate.entry import EstateEntry
from ssosim.estate.model import Device, Estate

__all__ = ["DeviceChoice", "DomainKind", "Hindrances", "choose_device", "find_hindrances"]

DomainKind = Literal["managed", "federated"]


class DeviceChoice(EstateEntry, frozen=True, kw_only=True):
    """A device by its kind: ``user`` is the kind of the domain of the signed-on user.

    Only devices on which that user can sign in silently are chosen. ``corporate_network``: whether the device is in the
    corporate network. ``number`` counts the devices of that kind from 1, in the order of the file; if there are fewer,
    the last one is taken.
    """

    user: DomainKind = "managed"
    corporate_network: bool = True
    number: Annotated[int, Meta(ge=1)] = 1

    def __str__(self) -> str:
        where = "in" if self.corporate_network else "outside"
        need = " in a tenant with Seamless SSO" if self.user == "managed" else ""
        return f"a device {where} the corporate network whose user is in a {self.user} domain{need} and may sign in"


class Hindrances(Struct, frozen=True):
    """What keeps the user of a device from a silent sign-in. ``kind`` is the kind of the user's domain.

    ``count`` is the number of hindrances of the account and the tenant; ``outside`` says that the device is not in the
    corporate network.
    """

    kind: DomainKind
    count: int
    outside: bool


def find_hindrances(estate: Estate, device: Device) -> Hindrances | None:
    """Return what keeps the user of ``device`` from a silent sign-in; None without an account in the realm."""
    user, found = estate.user(device.user), estate.domain(device.user.partition("@")[2])
    if user is None or user.sam_account is None or found is None:
        return None
    tenant, domain = found
    against = (
        not user.enabled,
        not user.synced,
        user.locked,
        user.password_expired or user.force_change_password_next_sign_in,
        user.mfa_required,
        user.account_expires is not None,
        bool(device.permitted_enctypes) and set(device.permitted_enctypes).isdisjoint(user.enctypes),
        not tenant.desktop_sso and domain.kind == "managed",
    )
    return Hindrances(domain.kind, sum(against), not device.corporate_network)


def choose_device(estate: Estate, choice: DeviceChoice) -> Device | None:
    """Return the device of ``estate`` that ``choice`` means; None if there is none of that kind.

    Devices without IPv6 come first: where a scenario needs IPv6, its client says so.
    """
    wanted = Hindrances(choice.user, 0, not choice.corporate_network)
    found = [device for device in estate.devices if find_hindrances(estate, device) == wanted]
    found.sort(key=lambda device: device.ipv6)
    return found[min(choice.number, len(found)) - 1] if found else None
