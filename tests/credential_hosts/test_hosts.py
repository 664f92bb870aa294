"""What each host requires of a request, and the form of its answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from msgspec.structs import replace
from multidict import CIMultiDict
from ssosim_clients.ports import NetworkFailure

from ssosim.credential_hosts.endpoints import ARC_KEYS
from ssosim.entra import Call
from ssosim.memory import Engine, MemoryLab
from ssosim.trace import ConnectionFailed, SignInStep, TokenIssued

from .conftest import IMDS, Program, claims_of
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


TWICE = f"resource={ARM}&resource=https://vault.azure.net"


@pytest.mark.parametrize(
    ("device", "url", "header"),
    [
        ("vm", f"{IMDS}?api-version=2018-02-01&{TWICE}", "Metadata"),
        ("aks-pod", f"{IMDS}?api-version=2018-02-01&{TWICE}", "Metadata"),
        ("app-service", f"{{IDENTITY_ENDPOINT}}?api-version=2019-08-01&{TWICE}", "X-IDENTITY-HEADER"),
        ("service-fabric", f"{{IDENTITY_ENDPOINT}}?api-version=2019-07-01-preview&{TWICE}", "Secret"),
        ("arc", f"{{IDENTITY_ENDPOINT}}?api-version=2020-06-01&{TWICE}", "Metadata"),
        ("cloud-shell", f"{{MSI_ENDPOINT}}?{TWICE}", "Metadata"),
    ],
)
def test_a_parameter_that_is_there_twice_is_refused(on: Any, device: str, url: str, header: str) -> None:
    """The host does not choose one of two values: a program would get a token for an API that it did not mean."""
    program = on(device)
    value = "true" if header == "Metadata" else program.variables["IDENTITY_HEADER"]
    assert program.send("GET", url.format(**program.variables), {header: value}).status == 400
    assert program.events(TokenIssued) == []


@pytest.mark.parametrize(
    ("device", "url", "header", "status"),
    [
        ("vm", f"{IMDS}?api-version=2018-02-01&resource={ARM}", "Metadata", 400),
        ("app-service", f"{{IDENTITY_ENDPOINT}}?api-version=2019-08-01&resource={ARM}", "X-IDENTITY-HEADER", 401),
        ("service-fabric", f"{{IDENTITY_ENDPOINT}}?api-version=2019-07-01-preview&resource={ARM}", "Secret", 400),
        ("arc", f"{{IDENTITY_ENDPOINT}}?api-version=2020-06-01&resource={ARM}", "Metadata", 400),
        ("cloud-shell", f"{{MSI_ENDPOINT}}?resource={ARM}", "Metadata", 400),
    ],
)
def test_a_header_field_that_is_there_twice_is_no_credential(
    on: Any, device: str, url: str, header: str, status: int
) -> None:
    """Two fields are one value with a comma (RFC 9110, section 5.3), which is not the one that the host wants."""
    program = on(device)
    value = "true" if header == "Metadata" else program.variables["IDENTITY_HEADER"]
    where = urlsplit(url.format(**program.variables))
    target = f"{where.path}?{where.query}"
    seen = []
    for fields in ([(header, value)], [(header, value), (header, value)]):
        headers = CIMultiDict(fields)
        call = Call.read("GET", where.netloc, target, headers=headers, body=b"", now=program.lab.engine.now)
        seen.append(program.host.respond(call).status)
    assert seen == [401 if device == "arc" else 200, status]


def test_a_form_with_a_field_twice_is_refused(on: Any) -> None:
    """A Cloud Shell takes a form; the same rule."""
    program = on("cloud-shell")
    answer = program.send("POST", program.variables["MSI_ENDPOINT"], {"Metadata": "true"}, TWICE.encode())
    assert (answer.status, program.events(TokenIssued)) == (400, [])


@pytest.mark.parametrize("version", ["", "2018-02-01", "2019-08-01"])
def test_automation_needs_no_version(on: Any, version: str) -> None:
    """The sample of its document has none, and programs send that of IMDS; App Service refuses both."""
    for device, good in (("automation", True), ("app-service", version == "2019-08-01")):
        program = on(device)
        query = urlencode({name: value for name, value in (("api-version", version), ("resource", ARM)) if value})
        headers = {"X-IDENTITY-HEADER": program.variables["IDENTITY_HEADER"]}
        answer = program.send("GET", f"{program.variables['IDENTITY_ENDPOINT']}?{query}", headers)
        assert answer.status == (200 if good else 400), device


def test_service_fabric_answers_get_only(on: Any) -> None:
    """Its document has GET; a POST is another program's mistake."""
    program = on("service-fabric")
    url = f"{program.variables['IDENTITY_ENDPOINT']}?api-version=2019-07-01-preview&resource={ARM}"
    headers = {"Secret": program.variables["IDENTITY_HEADER"]}
    assert [program.send(method, url, headers).status for method in ("GET", "POST")] == [200, 405]


INSTANCE = "http://169.254.169.254/metadata/instance"
METADATA = {"Metadata": "true"}


def test_the_machine_describes_itself(on: Any) -> None:
    """Libraries read the region from the metadata of the machine: a leaf as text, or the object above it as JSON."""
    program = on("vm")
    leaf = f"{INSTANCE}/compute/location?format=text&api-version=2021-02-01"
    assert program.send("GET", leaf, METADATA).body == b"westeurope"
    answer = program.send("GET", f"{INSTANCE}/compute?api-version=2021-02-01", METADATA)
    assert json.loads(answer.body)["location"] == "westeurope"
    listed = program.send("GET", f"{INSTANCE}?api-version=2017-08-01&format=text", METADATA)
    assert listed.body == b"compute/"


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("/compute/location?format=text&api-version=2021-02-01", {}, 400),
        ("/compute/location?format=text&api-version=2021-02-01", METADATA | {"X-Forwarded-For": "192.0.2.1"}, 400),
        ("/compute/location?format=text", METADATA, 400),
        ("/compute/location?format=text&api-version=2017-07-01", METADATA, 400),
        ("/compute/location?api-version=2021-02-01", METADATA, 400),
        ("/compute/location?format=json&api-version=2021-02-01", METADATA, 400),
        ("/compute/nothing?format=text&api-version=2021-02-01", METADATA, 404),
    ],
)
def test_metadata_of_the_machine_need_header_version_and_format(
    on: Any, query: str, headers: dict[str, str], status: int
) -> None:
    """Each of the three is required (azure-docs issue 15283, terraform-azurerm-consul issue 38)."""
    answer = on("vm").send("GET", f"{INSTANCE}{query}", headers)
    assert answer.status == status
    assert b"westeurope" not in answer.body


def test_a_request_without_a_version_is_told_the_newest_ones(on: Any) -> None:
    """MSAL.NET reads ``newest-versions`` of the error and asks again (Azure document of IMDS)."""
    answer = json.loads(on("vm").send("GET", INSTANCE, METADATA).body)
    assert len(answer["newest-versions"]) == 3
    again = f"{INSTANCE}/compute?api-version={answer['newest-versions'][0]}"
    assert on("vm").send("GET", again, METADATA).status == 200


@pytest.mark.parametrize("version", ["2018-02-01", "2023-11-15", "2017-12-01", "2024-01-01"])
def test_tokens_come_in_every_version_since_2018(on: Any, version: str) -> None:
    """2023-11-15 is used in public instructions; before 2018-02-01 IMDS had no identities."""
    good = version in ("2018-02-01", "2023-11-15")
    assert on("vm").imds(version=version).status == (200 if good else 400)


@pytest.mark.parametrize(
    ("instance", "name"),
    [("microsoftonline.us", "AzureUSGovernmentCloud"), ("partner.microsoftonline.cn", "AzureChinaCloud")],
)
def test_the_machine_names_its_cloud(lab: Any, instance: str, name: str) -> None:
    """Programs choose their endpoints by ``azEnvironment``, so a machine of a national cloud names that."""
    cloud = replace(lab.estate.cloud, cloud_instance_name=instance)
    elsewhere = MemoryLab(Engine(1_790_000_000.0), replace(lab.estate, cloud=cloud))
    leaf = f"{INSTANCE}/compute/azEnvironment?format=text&api-version=2021-02-01"
    assert Program(elsewhere, "vm").send("GET", leaf, METADATA).body.decode() == name
