"""Conditional Access policies of a tenant: who, for which API, from where and with what must do what to get a token.

Source of the names: Microsoft Graph, resource type conditionalAccessPolicy (``conditions``, ``grantControls``,
``sessionControls``). The lists of users and applications are flat here: an empty list means all.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ssosim.estate.entry import EstateEntry

__all__ = ["BuiltInControl", "ClientAppType", "ConditionalAccessPolicy"]

ClientAppType = Literal["browser", "mobileAppsAndDesktopClients"]
"""A kind of client. Legacy protocols (``exchangeActiveSync``, ``other``) are not part of the lab."""

BuiltInControl = Literal["block", "mfa", "compliantDevice", "domainJoinedDevice", "approvedApplication"]


class ConditionalAccessPolicy(EstateEntry, frozen=True, kw_only=True):
    """A policy. It applies if all its conditions do.

    ``id`` is the GUID in claims challenges; by default one is derived from tenant and name. ``users`` and
    ``exclude_users`` are user principal names; ``applications`` and ``exclude_applications`` are APIs, by client id or
    identifier URI. ``locations``: ``trusted`` is the corporate network, ``untrusted`` any other. ``built_in_controls``
    are what the user must do: all of it with the operator AND, one of it with OR. ``sign_in_frequency`` is in seconds;
    0 means every time. No device proves here what it is, so nothing satisfies the controls of devices and applications.
    """

    name: str
    id: str | None = None
    state: Literal["enabled", "disabled", "enabledForReportingButNotEnforced"] = "enabled"
    users: tuple[str, ...] = ()
    exclude_users: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    exclude_applications: tuple[str, ...] = ()
    locations: Literal["all", "trusted", "untrusted"] = "all"
    client_app_types: tuple[ClientAppType, ...] = ()
    built_in_controls: tuple[BuiltInControl, ...] = ()
    operator: Literal["AND", "OR"] = "OR"
    sign_in_frequency: Annotated[int, Meta(ge=0, le=365 * 86_400)] | None = None
