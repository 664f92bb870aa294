"""An estate with several clouds: what belongs to one, what may not reach over, and the part that a provider has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ssosim.estate import Estate, parse_estate
from ssosim.estate.cloud_partition import select_cloud
from ssosim.estate.first_party import FIRST_PARTY
from ssosim.estate.loader import shipped_estate_text

from .changed_estate import Data, both, mistakes, put

CHINA = {
    "login_hosts": ["login.partner.microsoftonline.cn"],
    "autologon_host": "autologon.microsoftazuread-sso.cn",
    "cloud_instance_name": "partner.microsoftonline.cn",
}
SECOND = {
    "id": "11111111-1111-4111-8111-111111111111", "display_name": "China", "initial_domain": "c.partner.onmschina.cn",
    "cloud": "partner.microsoftonline.cn",
}  # fmt: skip
APPLICATION = {"name": "App", "client_id": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5baa"}
several = both(put("clouds", [CHINA]), put("tenants.+", SECOND))


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        (
            put("clouds", [CHINA | {"cloud_instance_name": "MicrosoftOnline.com"}]),
            "clouds[0].cloud_instance_name",
            "is the name of another cloud",
        ),
        (
            put("clouds", [CHINA | {"login_hosts": ["LOGIN.microsoftonline.com"]}]),
            "clouds[0].login_hosts[0]",
            "is a host of another cloud",
        ),
        (
            put("clouds", [CHINA | {"autologon_host": "Login.microsoftonline.com"}]),
            "clouds[0].autologon_host",
            "is a host of another cloud",
        ),
        (put("tenants.0.cloud", "microsoftonline.us"), "tenants[0].cloud", "no cloud 'microsoftonline.us'; known:"),
        (
            both(several, put("users.0.guest_tenants", [SECOND["initial_domain"]])),
            "users[0].guest_tenants[0]",
            "is in another cloud than the user",
        ),
        (
            both(several, put("applications.+", APPLICATION | {
                "sign_in_audience": "AzureADMultipleOrgs", "service_principals": [{"tenant": SECOND["initial_domain"]}],
            })),
            "applications[11].service_principals[0].tenant",
            "is in another cloud than the application; register one there",
        ),
        (
            both(put("clouds", [CHINA]), put("federation_services.0.host", "autologon.microsoftazuread-sso.cn")),
            "federation_services[0].host",
            "is a host of the identity provider already",
        ),
    ],
)  # fmt: skip
def test_clouds_share_nothing(change: Callable[[Data], object], path: str, words: str) -> None:
    """Entra document "National clouds": names, hosts, users and applications belong to one cloud."""
    found = mistakes(change)
    assert words in found.get(path, ""), found


@pytest.mark.parametrize(
    "change",
    [
        several,
        both(several, put("tenants.2.cloud", "Partner.MicrosoftOnline.cn")),
        both(several, put("applications.+", APPLICATION | {
            "tenant": SECOND["initial_domain"], "service_principals": [{"tenant": SECOND["initial_domain"]}],
        })),
    ],
)  # fmt: skip
def test_what_stays_in_one_cloud_is_accepted(change: Callable[[Data], object]) -> None:
    """A second cloud needs hosts for its names, which are those of the first here."""
    assert mistakes(change) == {}


@pytest.fixture(scope="module")
def estate() -> Estate:
    """Contoso with a cloud in China that has one tenant, and no users yet."""
    first = parse_estate(shipped_estate_text("contoso-azure"), "f")
    china = replace(
        first.cloud,
        login_hosts=("login.cn",),
        autologon_host="autologon.cn",
        cloud_instance_name="partner.microsoftonline.cn",
    )
    tenant = replace(
        first.tenants[0], id=SECOND["id"], initial_domain="c.cn", cloud="Partner.microsoftonline.cn", domains=()
    )
    user = replace(first.users[0], upn="wei@c.cn", tenant="c.cn", sam_account=None)
    return replace(first, clouds=(china,), tenants=(*first.tenants, tenant), users=(*first.users, user))


def test_a_cloud_has_its_tenants_users_and_applications(estate: Estate) -> None:
    """The part of each cloud, and together all of them; hosts, zones and realms belong to none."""
    public, china = (select_cloud(estate, cloud) for cloud in estate.all_clouds)
    assert [each.initial_domain for each in china.tenants] == ["c.cn"]
    assert [each.upn for each in china.users] == ["wei@c.cn"]
    assert {*public.tenants, *china.tenants} == {replace(each, cloud=None) for each in estate.tenants}
    assert {*public.users, *china.users} == set(estate.users)
    assert (public.clouds, china.clouds) == ((), ())
    assert china.cloud.cloud_instance_name == "partner.microsoftonline.cn"
    assert (china.hosts, china.zones, china.realms) == (estate.hosts, estate.zones, estate.realms)


def test_an_application_without_a_tenant_is_in_the_cloud_of_the_first(estate: Estate) -> None:
    """Applications of Microsoft are in every cloud, without the service principals of other clouds."""
    public, china = (select_cloud(estate, cloud) for cloud in estate.all_clouds)
    own = {each.client_id for each in public.applications} - {each.client_id for each in china.applications}
    assert own == {each.client_id for each in public.applications} - FIRST_PARTY.keys()
    assert all(not each.service_principals for each in china.applications)
    assert china.managed_identities == ()
    assert not any(device.system_assigned_identity for device in china.devices)
    assert any(device.system_assigned_identity for device in public.devices)


def test_an_estate_with_one_cloud_is_its_own_part(estate: Estate) -> None:
    """Nothing is copied where there is nothing to leave out."""
    alone = replace(estate, clouds=())
    assert select_cloud(alone, alone.cloud) is alone


@pytest.mark.parametrize(
    ("upn", "name"),
    [
        ("wei@c.cn", "partner.microsoftonline.cn"),
        ("Alice@contoso.com", "microsoftonline.com"),
        ("x@y", "microsoftonline.com"),
    ],
)
def test_the_cloud_of_a_user(estate: Estate, upn: str, name: str) -> None:
    """That of the user's tenant, in any letters; the first cloud for nobody."""
    assert estate.cloud_of_user(upn).cloud_instance_name == name


def test_every_name_of_the_provider_is_listed(estate: Estate) -> None:
    """The hosts of all clouds and of the federation services, each with what answers there."""
    found = dict(estate.list_identity_hosts())
    assert found["login.cn"] == found["login.microsoftonline.com"] == "login"
    assert found["autologon.cn"] == "autologon"
    assert found["sts.fabrikam.com"] == "federation"
