"""The hosts of a cloud, and a model that is configured for them.

The models have the hosts of the public cloud, as their programs do by default. In another cloud an administrator
configures the authority; ``configure`` does so. Source: Entra document "National clouds".
"""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import msgspec
from msgspec import Struct

from ssosim_clients.flows.browser import BrowserFlow
from ssosim_clients.flows.login_host import AppOnlyFlow
from ssosim_clients.flows.sso_request import SsoRequestFlow
from ssosim_clients.flows.token import Application

__all__ = ["PUBLIC_CLOUD", "CloudHosts", "configure", "signs_in_as_application"]

_T = TypeVar("_T")


class CloudHosts(Struct, frozen=True):
    """The hosts of a cloud: its login hosts, the preferred one first, the autologon host, and the URI of Graph."""

    login_hosts: tuple[str, ...] = ("login.microsoftonline.com",)
    autologon_host: str = "autologon.microsoftazuread-sso.com"
    graph: str = "https://graph.microsoft.com"


PUBLIC_CLOUD = CloudHosts()


def configure(model: _T, cloud: CloudHosts) -> _T:
    """Return ``model`` configured for ``cloud``; a host that is none of the public cloud's stays as it is.

    A login host that the cloud has stays as well. A model that is neither a dataclass nor a
    ``msgspec.Struct`` is returned unchanged.
    """
    if _has_public_hosts(cloud):
        return model
    changes = _choose_hosts(model, cloud)
    for name in _list_field_names(model):
        old = getattr(model, name)
        if name not in changes:
            changes[name] = (
                tuple(configure(each, cloud) for each in old) if isinstance(old, tuple) else configure(old, cloud)
            )
    changes = {name: new for name, new in changes.items() if new != getattr(model, name)}
    if not changes:
        return model
    if isinstance(model, Struct):
        return msgspec.structs.replace(model, **changes)
    return dataclasses.replace(model, **changes)  # type: ignore[type-var]  # only a dataclass has fields here


def _choose_hosts(model: object, cloud: CloudHosts) -> dict[str, object]:
    """Return the new values of the fields of ``model`` that name a host of the public cloud."""
    changes: dict[str, object] = {}
    if isinstance(model, Application):
        if model.login_host == PUBLIC_CLOUD.login_hosts[0] and model.login_host not in cloud.login_hosts:
            changes["login_host"] = cloud.login_hosts[0]
        for name in ("scope", "resource"):
            text: str = getattr(model, name)
            if PUBLIC_CLOUD.graph in text:
                changes[name] = text.replace(PUBLIC_CLOUD.graph, cloud.graph)
    elif isinstance(model, (BrowserFlow, SsoRequestFlow)) and model.autologon_host == PUBLIC_CLOUD.autologon_host:
        changes["autologon_host"] = cloud.autologon_host
    return changes


def _has_public_hosts(cloud: CloudHosts) -> bool:
    """Return whether ``configure`` changes nothing for ``cloud``: it has the hosts that the models have."""
    public = PUBLIC_CLOUD
    same = cloud.autologon_host == public.autologon_host and cloud.graph == public.graph
    return same and public.login_hosts[0] in cloud.login_hosts


def _list_field_names(model: object) -> tuple[str, ...]:
    """Return the fields that a constructor of ``model`` takes: none if it is neither a dataclass nor a structure."""
    if isinstance(model, Struct):
        return model.__struct_fields__
    if not dataclasses.is_dataclass(model) or isinstance(model, type):
        return ()
    return tuple(field.name for field in dataclasses.fields(model) if field.init)


def signs_in_as_application(model: object) -> bool:
    """Return whether ``model`` signs in with the credentials of an application, which its device must have."""
    if isinstance(model, AppOnlyFlow):
        return True
    values = (getattr(model, name) for name in _list_field_names(model))
    parts = (each for value in values for each in (value if isinstance(value, tuple) else (value,)))
    return any(signs_in_as_application(each) for each in parts)
