"""The hosts of a cloud, and a model that is configured for them.

The models have the hosts of the public cloud, as their programs do by default. In another cloud an administrator
configures the authority; ``configure`` does so. Source: Entra document "National clouds".
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

from ssosim_clients.flows.browser import BrowserFlow
from ssosim_clients.flows.login_host import AppOnlyFlow
from ssosim_clients.flows.sso_request import SsoRequestFlow
from ssosim_clients.flows.token import Application

__all__ = ["PUBLIC_CLOUD", "CloudHosts", "configure", "signs_in_as_application"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CloudHosts:
    """The hosts of a cloud: its login hosts, the preferred one first, the autologon host, and the URI of Graph."""

    login_hosts: tuple[str, ...] = ("login.microsoftonline.com",)
    autologon_host: str = "autologon.microsoftazuread-sso.com"
    graph: str = "https://graph.microsoft.com"


PUBLIC_CLOUD = CloudHosts()


def configure(model: _T, cloud: CloudHosts) -> _T:
    """Return ``model`` configured for ``cloud``; a host that is none of the public cloud's stays as it is.

    A login host that the cloud has stays as well. A model that is no dataclass is returned unchanged.
    """
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
    if not dataclasses.is_dataclass(model) or isinstance(model, type):
        return model
    for field in dataclasses.fields(model):
        old = getattr(model, field.name)
        if not field.init or field.name in changes:
            continue
        new = tuple(configure(each, cloud) for each in old) if isinstance(old, tuple) else configure(old, cloud)
        changes[field.name] = new
    changes = {name: new for name, new in changes.items() if new != getattr(model, name)}
    return dataclasses.replace(model, **changes) if changes else model


def signs_in_as_application(model: object) -> bool:
    """Return whether ``model`` signs in with the credentials of an application, which its device must have."""
    if isinstance(model, AppOnlyFlow):
        return True
    if not dataclasses.is_dataclass(model) or isinstance(model, type):
        return False
    values = (getattr(model, field.name) for field in dataclasses.fields(model))
    parts = (each for value in values for each in (value if isinstance(value, tuple) else (value,)))
    return any(signs_in_as_application(each) for each in parts)
