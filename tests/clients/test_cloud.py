"""Client models that are configured for a cloud."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import msgspec
import pytest
from ssosim_clients.catalogue import MODELS
from ssosim_clients.cloud import PUBLIC_CLOUD, CloudHosts, configure
from ssosim_clients.models import Client
from ssosim_clients.policies import PromptAtOnce

CHINA = CloudHosts(
    ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
    "autologon.microsoftazuread-sso.cn",
    "https://microsoftgraph.chinacloudapi.cn",
)
PUBLIC = (PUBLIC_CLOUD.login_hosts[0], PUBLIC_CLOUD.autologon_host, PUBLIC_CLOUD.graph)


def list_texts(value: object) -> Iterator[str]:
    """Yield every text in the fields of a model, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from list_texts(each)
    elif isinstance(value, msgspec.Struct):
        yield from list_texts(msgspec.structs.astuple(value))
    elif dataclasses.is_dataclass(value):
        yield from list_texts(tuple(getattr(value, field.name) for field in dataclasses.fields(value)))


def names_public_host(model: object) -> bool:
    """Return whether a field of ``model`` names a host of the public cloud."""
    return any(host in text for text in list_texts(model) for host in PUBLIC)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_configured_model_names_no_host_of_the_public_cloud(name):
    """Every host in a model, at any depth, is the one of the cloud for which the model is configured."""
    model = configure(MODELS[name], CHINA)
    assert not names_public_host(model)
    assert names_public_host(MODELS[name]) == (model != MODELS[name])
    assert configure(model, CHINA) is model


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"login_hosts": ("login.windows.net", PUBLIC_CLOUD.login_hosts[0])}, True),
        ({"login_hosts": CHINA.login_hosts}, False),
        ({"autologon_host": CHINA.autologon_host}, False),
        ({"graph": CHINA.graph}, False),
    ],
)
def test_a_cloud_with_the_public_hosts_changes_no_model(changed, same):
    """A model stays as it is in a cloud with the hosts that models have, and in no other."""
    cloud = msgspec.structs.replace(PUBLIC_CLOUD, **changed)
    assert all(configure(model, cloud) is model for model in MODELS.values()) == same


def test_a_model_of_a_user_as_dataclass_is_configured():
    """A model that is a dataclass, or a structure, around parts of ssosim has its hosts replaced too."""

    @dataclasses.dataclass(frozen=True)
    class Own:
        inner: Client

    class Other(msgspec.Struct, frozen=True):
        inner: Client

    client = Client(name="own", description="", sources=(), policy=PromptAtOnce())
    for model in (Own(client), Other(client)):
        assert names_public_host(model)
        assert not names_public_host(configure(model, CHINA))
