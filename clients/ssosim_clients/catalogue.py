"""The client models of this package, by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ssosim_clients.models.adal import ADAL_LIKE
from ssosim_clients.models.azure_identity import AZURE_IDENTITY
from ssosim_clients.models.base import Model
from ssosim_clients.models.browsers import BROWSER_LINUX, BROWSER_WINDOWS, FIREFOX_LINUX, FIREFOX_WINDOWS
from ssosim_clients.models.connect_sync import CONNECT_SYNC_CERTIFICATE, CONNECT_SYNC_PASSWORD
from ssosim_clients.models.federated import FEDERATED_USER
from ssosim_clients.models.http_libraries import (
    CURL_NEGOTIATE,
    GO_SPNEGO,
    HEIMDAL,
    HTTPCLIENT5,
    HTTPCLIENT5_AS_TYPED,
    HTTPX_GSSAPI,
    HTTPX_GSSAPI_REQUIRED,
    JAVA_JGSS,
    LIBSOUP,
    LWP_NEGOTIATE,
    NODE_KERBEROS,
    PYSPNEGO,
    REQUESTS_KERBEROS,
    REQUESTS_KERBEROS_OPTIONAL,
)
from ssosim_clients.models.intune import INTUNE_AGENT
from ssosim_clients.models.msal import MSAL4J_IWA, MSAL_DOTNET_IWA, MSAL_PYTHON_ROPC
from ssosim_clients.models.naive import NAIVE
from ssosim_clients.models.native_prompt import NATIVE_PROMPT
from ssosim_clients.models.office import OFFICE, ONEDRIVE, OUTLOOK, WORD
from ssosim_clients.models.prt import PRT_DEVICE
from ssosim_clients.models.sql import SQLCLIENT, SSMS
from ssosim_clients.models.token_validator import TOKEN_VALIDATOR

__all__ = ["MODELS", "UnknownModelError", "find_model"]

_SHIPPED: Final[tuple[Model, ...]] = (
    OFFICE,
    OUTLOOK,
    WORD,
    ONEDRIVE,
    NATIVE_PROMPT,
    SSMS,
    SQLCLIENT,
    INTUNE_AGENT,
    CONNECT_SYNC_PASSWORD,
    CONNECT_SYNC_CERTIFICATE,
    MSAL_DOTNET_IWA,
    MSAL4J_IWA,
    MSAL_PYTHON_ROPC,
    AZURE_IDENTITY,
    ADAL_LIKE,
    BROWSER_WINDOWS,
    BROWSER_LINUX,
    FIREFOX_WINDOWS,
    FIREFOX_LINUX,
    PRT_DEVICE,
    FEDERATED_USER,
    NAIVE,
    JAVA_JGSS,
    HTTPCLIENT5,
    HTTPCLIENT5_AS_TYPED,
    NODE_KERBEROS,
    GO_SPNEGO,
    CURL_NEGOTIATE,
    LIBSOUP,
    LWP_NEGOTIATE,
    REQUESTS_KERBEROS,
    REQUESTS_KERBEROS_OPTIONAL,
    HTTPX_GSSAPI,
    HTTPX_GSSAPI_REQUIRED,
    PYSPNEGO,
    HEIMDAL,
    TOKEN_VALIDATOR,
)

MODELS: Final[Mapping[str, Model]] = MappingProxyType({model.name: model for model in _SHIPPED})
"""The models by name. A listing shows the ``name``, the ``description`` (one line) and the ``sources`` of each."""


class UnknownModelError(LookupError):
    """There is no model with that name. The message lists similar names."""


def find_model(name: str) -> Model:
    """The model with the name ``name``. Raises ``UnknownModelError``."""
    if name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.4) or sorted(MODELS)
    raise UnknownModelError(f"no client is called {name!r}; did you mean {', '.join(near)}?")
