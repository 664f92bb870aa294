"""Port 80 of the identity provider's hosts."""

import dataclasses

from ssosim.entra import Call
from ssosim.estate import default_estate
from ssosim.services import services_of
from ssosim.services.https_redirect import HTTPS_REDIRECT, HttpsRedirect, add_https_redirects


def test_each_host_of_the_provider_has_port_80():
    """One for each address of login, autologon and federation, plain, without keys, after the services themselves."""
    services = services_of(default_estate())
    added = add_https_redirects(services)[len(services) :]
    usual = [each for each in services if each.name in ("login", "autologon", "federation")]
    assert [(each.address, each.dns_names) for each in added] == [(each.address, each.dns_names) for each in usual]
    assert {(each.name, each.port, each.tls, each.keys) for each in added} == {(HTTPS_REDIRECT, 80, False, None)}


def test_a_service_of_the_estate_keeps_its_port():
    """Where another service listens on port 80 of the address, there is no redirect."""
    services = services_of(default_estate())
    login = next(each for each in services if each.name == "login")
    own = dataclasses.replace(login, name="own", port=80, tls=False)
    added = add_https_redirects([*services, own])[len(services) + 1 :]
    assert login.address not in {each.address for each in added}
    assert added


def test_the_redirect_keeps_path_and_query():
    """The location is the same host with https; a target without a path is that of the root."""

    def location(target: str) -> str:
        call = Call.read("GET", "login.microsoftonline.com", target, now=0.0, scheme="http", port=80)
        reply = HttpsRedirect().handle(call)
        assert (reply.status, reply.body) == (301, b"")
        return dict(reply.headers)["Location"]

    assert location("/a/b?c=d%20e&f") == "https://login.microsoftonline.com/a/b?c=d%20e&f"
    for target in ("*", ""):
        assert location(target) == "https://login.microsoftonline.com/"
