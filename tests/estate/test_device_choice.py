"""Which device a scenario gets that asks for one by the kind of its user: one whose user can sign in silently."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from ssosim.estate import Device, Estate, default_estate
from ssosim.estate.device_choice import DeviceChoice, choose_device, find_hindrances

DEVICE = "desk-1"


def changed(account: dict[str, Any] | None = None, **device: Any) -> Estate:
    """Contoso, with another value of Alice and of her device, and no other device."""
    estate = default_estate()
    alice = replace(estate.users[0], **(account or {}))
    own = replace(estate.device(DEVICE) or estate.devices[0], **device)
    return replace(estate, users=(alice, *estate.users[1:]), devices=(own,))


def found(estate: Estate, **choice: Any) -> str | None:
    """The name of the device that is chosen."""
    device = choose_device(estate, DeviceChoice(**choice))
    return None if device is None else device.name


@pytest.mark.parametrize(
    ("user", "device"),
    [
        ({"enabled": False}, {}),
        ({"locked": True}, {}),
        ({"password_expired": True}, {}),
        ({"force_change_password_next_sign_in": True}, {}),
        ({"mfa_required": True}, {}),
        ({"synced": False}, {}),
        ({"account_expires": datetime(2025, 1, 1, tzinfo=UTC)}, {}),
        ({"enctypes": ("rc4-hmac",)}, {"permitted_enctypes": ("aes256-cts-hmac-sha1-96",)}),
        ({"sam_account": None}, {}),
        ({}, {"user": ""}),
        ({}, {"user": "nobody@contoso.com"}),
        ({}, {"user": "alice@nowhere.example"}),
    ],
)
def test_a_user_who_cannot_sign_in_silently_is_not_chosen(user: dict[str, Any], device: dict[str, Any]) -> None:
    """Whatever keeps the account from a ticket, or Entra from a token without a question."""
    assert found(changed(user, **device)) is None


@pytest.mark.parametrize(
    ("user", "device"),
    [
        ({}, {}),
        ({"mfa_registered": False}, {}),
        ({"enctypes": ("rc4-hmac",)}, {"permitted_enctypes": ("rc4-hmac", "aes256-cts-hmac-sha1-96")}),
        ({"enctypes": ("rc4-hmac",)}, {}),
    ],
)
def test_a_user_who_can_is_chosen(user: dict[str, Any], device: dict[str, Any]) -> None:
    """A type of key that account and device have in common is enough."""
    assert found(changed(user, **device)) == DEVICE


def test_the_place_of_the_device_is_part_of_its_kind() -> None:
    """A device outside of the corporate network is another kind, and is found as such."""
    outside = changed(corporate_network=False)
    assert found(outside) is None
    assert found(outside, corporate_network=False) == DEVICE
    assert found(changed(), corporate_network=False) is None


def test_a_tenant_without_seamless_sso_hinders_managed_users_alone() -> None:
    """The switch of Seamless SSO is about the autologon host; a federated user signs in at the federation service."""
    estate = default_estate()
    without = replace(estate, tenants=tuple(replace(each, desktop_sso=False) for each in estate.tenants))
    assert found(without) is None
    assert found(without, user="federated") == found(estate, user="federated") is not None


def test_devices_are_counted_and_those_without_ipv6_come_first() -> None:
    """A number beyond the last device of that kind is the last one."""
    estate = changed()
    first = estate.devices[0]
    devices = (replace(first, name="six", ipv6=True), replace(first, name="a"), replace(first, name="b"))
    several = replace(estate, devices=devices)
    assert [found(several, number=number) for number in (1, 2, 3, 4, 99)] == ["a", "b", "six", "six", "six"]


def test_hindrances_are_counted() -> None:
    """Two reasons are two; the place is none of them; without an account in the realm there is no answer."""
    estate = changed({"locked": True, "mfa_required": True}, corporate_network=False)
    hindrances = find_hindrances(estate, estate.devices[0])
    assert hindrances is not None
    assert (hindrances.kind, hindrances.count, hindrances.outside) == ("managed", 2, True)
    assert find_hindrances(estate, Device(name="x", user="nobody@contoso.com")) is None


def test_a_choice_says_what_it_needs() -> None:
    """The text is a part of the error of a scenario that finds no device."""
    text = "a device in the corporate network whose user is in a managed domain in a tenant with Seamless SSO"
    assert str(DeviceChoice()) == f"{text} and may sign in"
    assert "outside the corporate network" in str(DeviceChoice(user="federated", corporate_network=False))
    assert "Seamless SSO" not in str(DeviceChoice(user="federated"))
