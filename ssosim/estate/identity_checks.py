"""Check managed identities and the devices that have them: names, tenants, issuers, and what each kind can have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from ssosim.estate.managed_identities import KINDS_WITH_IDENTITIES, ServiceConnection, WorkloadIdentity
from ssosim.estate.model import Device, Estate
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_identity_mistakes"]

Mistake = tuple[KeyPath, str]

_NEEDS_A_USER = ("desktop", "cloud-shell")


def find_identity_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield every mistake in managed identities and devices: its key path, and what is wrong and expected."""
    tenants = [tenant.initial_domain for tenant in estate.tenants]
    taken: dict[str, str] = {app.client_id.lower(): f"application {app.name!r}" for app in estate.applications}
    names: dict[str, int] = {}
    for index, identity in enumerate(estate.managed_identities):
        here: KeyPath = ("managed_identities", index)
        if names.setdefault(identity.name.lower(), index) != index:
            yield (
                (*here, "name"),
                f"{identity.name!r} is used already at managed_identities[{names[identity.name.lower()]}]",
            )
        if identity.system_assigned:
            yield (*here, "system_assigned"), "an identity of this section is user-assigned; leave this key out"
        if identity.tenant is not None and estate.tenant(identity.tenant) is None:
            yield (*here, "tenant"), _unknown("tenant", identity.tenant, tenants)
        owner = taken.setdefault(identity.effective_client_id.lower(), f"identity {identity.name!r}")
        if owner != f"identity {identity.name!r}":
            yield (*here, "client_id"), f"{identity.effective_client_id!r} is the client id of {owner} already"
    for index, device in enumerate(estate.devices):
        yield from _device(estate, ("devices", index), device)


def _device(estate: Estate, here: KeyPath, device: Device) -> Iterator[Mistake]:
    yield from _identities_of_device(estate, here, device)
    yield from _issuers_of_device(estate, here, device)


def _identities_of_device(estate: Estate, here: KeyPath, device: Device) -> Iterator[Mistake]:
    identities = [identity.name for identity in estate.managed_identities]
    if device.kind in _NEEDS_A_USER and not device.user:
        yield (*here, "user"), f'a device of kind "{device.kind}" needs a user'
    if device.tenant is not None and estate.tenant(device.tenant) is None:
        yield (*here, "tenant"), _unknown("tenant", device.tenant, [each.initial_domain for each in estate.tenants])
    if device.kind not in KINDS_WITH_IDENTITIES and (
        device.system_assigned_identity or device.user_assigned_identities
    ):
        kinds = ", ".join(sorted(KINDS_WITH_IDENTITIES))
        yield (*here, "kind"), f'a device of kind "{device.kind}" has no managed identities; these have: {kinds}'
    if device.kind == "arc" and device.user_assigned_identities:
        yield (*here, "user_assigned_identities"), "a machine with Azure Arc has a system-assigned identity only"
    for number, name in enumerate(device.user_assigned_identities):
        if name not in identities:
            yield (*here, "user_assigned_identities", number), _unknown("managed identity", name, identities)


def _issuers_of_device(estate: Estate, here: KeyPath, device: Device) -> Iterator[Mistake]:
    issuers = [issuer.issuer for issuer in estate.openid_issuers]
    if (device.kind == "aks-workload") != (device.workload_identity is not None):
        yield (*here, "workload_identity"), 'belongs to a device of kind "aks-workload", which needs it'
    if device.service_connections and device.kind != "pipelines":
        yield (*here, "service_connections"), 'belong to a device of kind "pipelines"'
    if device.workload_identity is not None and device.workload_identity.issuer not in issuers:
        yield (*here, "workload_identity", "issuer"), _unknown("issuer", device.workload_identity.issuer, issuers)
    tenants = [each.initial_domain for each in estate.tenants]
    for key, entry in _foreign_entries(device):
        if entry.tenant is not None and estate.tenant(entry.tenant) is None:
            yield (*here, *key, "tenant"), _unknown("tenant", entry.tenant, tenants)
    for number, connection in enumerate(device.service_connections):
        if connection.issuer not in issuers:
            path: KeyPath = (*here, "service_connections", number, "issuer")
            yield path, _unknown("issuer", connection.issuer, issuers)


def _foreign_entries(device: Device) -> Iterator[tuple[KeyPath, WorkloadIdentity | ServiceConnection]]:
    if device.workload_identity is not None:
        yield ("workload_identity",), device.workload_identity
    yield from ((("service_connections", number), each) for number, each in enumerate(device.service_connections))


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    choices = list(known)
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(choices[:12]) or 'none'}"
    return f"there is no {kind} {name!r}{hint}"
