"""What each host requires of a request, and the form of its answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from ssosim_clients.ports import NetworkFailure

from ssosim.credential_hosts.endpoints import ARC_KEYS
from ssosim.trace import ConnectionFailed, SignInStep, TokenIssued

from .conftest import IMDS, claims_of
from .estates import ARM, ORDERS

DAY = 86_400


def test_imds_answers_in_strings(on: Any) -> None:
    """All values are strings, the lifetime is a day, and the resource is repeated as it was sent."""
    said = json.loads(on("vm").imds(resource=f"{ARM}/").body)
    assert {type(value) for value in said.values()} == {str}
    assert (int(said["expires_in"]), said["resource"], said["token_type"]) == (DAY, f"{ARM}/", "Bearer")
    claims = claims_of(on("vm").imds())  # of the same moment: the clock of this lab stands still
    assert (int(said["not_before"]), int(said["expires_on"])) == (claims["nbf"], claims["exp"])
    assert int(said["expires_on"]) - int(said["not_before"]) == DAY + 300
    assert said.keys() >= {"access_token", "client_id", "ext_expires_in"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"headers": {}}, "metadata header"),
        ({"headers": {"Metadata": "false"}}, "metadata header"),
        ({"headers": {"Metadata": "true", "X-Forwarded-For": "10.0.0.1"}}, "Forwarded"),
        ({"version": ""}, "api-version"),
        ({"version": "2017-01-01"}, "api-version"),
        ({"resource": ""}, "audience"),
    ],
)
def test_imds_refuses_a_request_that_is_not_complete(on: Any, change: dict[str, Any], text: str) -> None:
    """No token without header, version and resource, nor for a request that a proxy forwarded."""
    program = on("vm")
    answer = program.imds(**change)
    assert answer.status == 400
    assert text in json.loads(answer.body)["error_description"]
    assert program.events(TokenIssued) == []


def test_a_probe_gets_an_answer_at_once(on: Any) -> None:
    """The bare URL, as the probe of a chained credential sends it, is answered with 400: somebody is there."""
    assert on("vm").send("GET", IMDS).status == 400


@pytest.mark.parametrize("header", ["Metadata", "metadata", "METADATA"])
@pytest.mark.parametrize("value", ["true", "True"])
def test_the_header_may_be_in_any_case(on: Any, header: str, value: str) -> None:
    """Header names have no case (RFC 9110, section 5.1), and libraries write the value in two ways."""
    assert on("vm").imds(headers={header: value}).status == 200


@pytest.mark.parametrize("device", ["desk-1", "container", "ssh", "app-service", "arc", "cloud-shell", "pipelines"])
def test_elsewhere_the_metadata_service_is_silent(on: Any, device: str) -> None:
    """Where no IMDS is, a connection is not refused: it times out, and the trace has the attempt."""
    program = on(device)
    began = program.lab.engine.now
    with pytest.raises(NetworkFailure) as caught:
        program.imds()
    assert (caught.value.stage, caught.value.kind) == ("connect", "timeout")
    assert program.lab.engine.now - began == 30
    (failed,) = program.events(ConnectionFailed)
    assert (failed.address, failed.reason, failed.step) == (
        "169.254.169.254",
        "no answer",
        SignInStep.MANAGED_IDENTITY,
    )


def test_a_loopback_host_is_on_its_own_device_only(on: Any) -> None:
    """The port of App Service on another device refuses."""
    url = on("app-service").variables["IDENTITY_ENDPOINT"]
    with pytest.raises(NetworkFailure) as caught:
        on("vm").send("GET", url)
    assert caught.value.kind == "refused"


@pytest.mark.parametrize("device", ["app-service", "automation"])
def test_app_service_requires_its_header(on: Any, device: str) -> None:
    """Without the secret of this very program there is no token: not with another program's secret either."""
    program = on(device)
    assert program.app_service().status == 200
    for secret in ("", "wrong", on(device).variables["IDENTITY_HEADER"]):
        answer = program.app_service(secret=secret)
        assert (answer.status, json.loads(answer.body)["statusCode"]) == (401, 401)


def test_app_service_has_expires_on_alone(on: Any) -> None:
    """The answer has expires_on in a string, and no expires_in."""
    said = json.loads(on("app-service").app_service().body)
    assert "expires_in" not in said
    assert int(said["expires_on"]) == 1_790_000_000 + DAY


def test_app_service_refuses_an_unknown_resource_with_500(on: Any) -> None:
    """A wrong resource ends in 500, a wrong version in 400."""
    assert on("app-service").app_service(resource="https://unknown.contoso.com").status == 500
    assert on("app-service").app_service(version="1999-01-01").status == 400


def test_the_older_version_has_its_own_names(on: Any) -> None:
    """Version 2017-09-01: header ``secret``, parameter ``clientid``; Azure Machine Learning has no other."""
    for device in ("app-service", "azure-ml"):
        program = on(device)
        url, secret = program.variables["MSI_ENDPOINT"], program.variables["MSI_SECRET"]
        query = urlencode({"api-version": "2017-09-01", "resource": ARM, "clientid": ORDERS.effective_client_id})
        assert (
            claims_of(program.send("GET", f"{url}?{query}", {"secret": secret}))["appid"] == ORDERS.effective_client_id
        )
        assert program.send("GET", f"{url}?{query}", {"X-IDENTITY-HEADER": secret}).status == 401
        said = json.loads(program.send("GET", f"{url}?{query}", {"secret": secret}).body)["expires_on"]
        assert said == ("09/22/2026 14:13:20 +00:00" if device == "app-service" else str(1_790_000_000 + DAY))


def arc(program: Any, **headers: str) -> Any:
    """Ask the agent of Azure Arc."""
    query = urlencode({"api-version": "2020-06-01", "resource": ARM})
    return program.send("GET", f"{program.variables['IDENTITY_ENDPOINT']}?{query}", {"Metadata": "true", **headers})


def test_arc_gives_a_token_for_the_content_of_a_key_file(on: Any) -> None:
    """First 401 with the name of a file in the one folder that libraries accept; its content is good once."""
    program = on("arc")
    challenge = arc(program)
    assert challenge.status == 401
    scheme, _, path = challenge.headers["WWW-Authenticate"].partition(" realm=")
    folder, _, name = path.rpartition("/")
    assert (scheme, folder, name[-4:]) == ("Basic", ARC_KEYS, ".key")
    key = program.files[name].decode()
    assert arc(program, Authorization=f"Basic {key}").status == 200
    assert name not in program.files
    assert arc(program, Authorization=f"Basic {key}").status == 403


def test_arc_refuses_a_key_that_is_not_its_own(on: Any) -> None:
    """A wrong key, another scheme, and the key of another program."""
    program, other = on("arc"), on("arc")
    arc(program)
    arc(other)
    (theirs,) = other.files.values()
    (own,) = program.files.values()
    for sent in ("Basic wrong", f"Basic {theirs.decode()}", f"Bearer {own.decode()}"):
        assert arc(program, Authorization=sent).status == 403
    assert program.events(TokenIssued) == []


def test_a_shell_gives_the_token_of_its_user(on: Any) -> None:
    """The token of a Cloud Shell is the user's: by a form, and by a query as Java sends it."""
    program = on("cloud-shell")
    url = program.variables["MSI_ENDPOINT"]
    form = urlencode({"resource": ARM}).encode()
    for answer in (
        program.send("POST", url, {"Metadata": "true"}, form),
        program.send("GET", f"{url}?{form.decode()}", {"Metadata": "true"}),
    ):
        assert claims_of(answer)["unique_name"] == "alice@contoso.com"
    assert program.send("POST", url, {}, form).status == 400


def test_a_pod_gets_plain_text(on: Any) -> None:
    """NMI's errors are text and no JSON."""
    answer = on("aks-pod").imds(client_id="0" * 8)
    assert (answer.status, answer.body) == (404, b"no azure identity found for request clientID 00000000\n")


def test_the_machine_describes_itself(on: Any) -> None:
    """Libraries read the region from the metadata of the machine, as text."""
    url = "http://169.254.169.254/metadata/instance/compute/location?format=text&api-version=2021-02-01"
    assert on("vm").send("GET", url, {"Metadata": "true"}).body == b"westeurope"
    assert on("vm").send("GET", url).status == 400
