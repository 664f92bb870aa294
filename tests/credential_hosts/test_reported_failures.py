"""What worked in a test and failed on the host, from public reports: each must fail here too, and for its reason.

The reports are named in the docstrings, by repository and number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .applications import APP
from .conftest import IMDS, Result
from .estates import ARM
from .libraries import pair

Play = Callable[..., Result]


def assert_no_token(result: Result, text: str) -> None:
    """Assert that the program got no token, and says ``text``."""
    assert "claims" not in result, result
    assert text in result.error_line, result
    assert result.events("TokenIssued") == []


PROXY = {"http_proxy": "http://203.0.113.199:3128", "HTTP_PROXY": "http://203.0.113.199:3128", "no_proxy": ""}
USES_THE_PROXY = {"python": True, "go": True, "node": True, "java": False}


@pytest.mark.parametrize(("language", "case"), pair({"vm": "go"}))
def test_a_proxy_cannot_reach_the_metadata_service(play: Play, language: str, case: str) -> None:
    """certbot-dns-azure 54, azure-sdk-for-net 18967: variables of a proxy apply to 169.254.169.254 as well.

    The probe of a chain takes its second; then the machine's identity counts as not there (GO-026, PY-026).
    """
    result = play(language, case, "default", env=PROXY)
    if USES_THE_PROXY[language]:
        assert "claims" not in result, result
        assert result.statuses == []
    else:
        assert "claims" in result, result


@pytest.mark.parametrize(("language", "case"), pair({"arc": "python go node"}))
def test_a_user_outside_of_the_group_of_arc(play: Play, fault: Any, language: str, case: str) -> None:
    """azure-sdk 1908: only members of the group himds may read the challenge's file, root's program apart (GO-023)."""
    fault("arc-key", "how=forbidden")
    result = play(language, case, "managed-identity")
    denied = {"python": "Permission denied", "go": "permission denied", "java": "/var/opt/azcmagent/tokens/"}
    assert_no_token(result, denied.get(language, "Unable to read the secret file"))
    assert result.statuses == [401]


@pytest.mark.parametrize(("language", "case"), pair({"aks-workload": "python go"}))
def test_a_pod_without_the_label(play: Play, fault: Any, language: str, case: str) -> None:
    """azure-workload-identity 751 and 756: without the label there are no variables and no token (GO-041, PY-049)."""
    fault("workload-identity-not-injected")
    result = play(language, case, "workload-identity")
    assert_no_token(result, {"python": "client_id", "go": "no client ID specified"}.get(language, ""))
    assert result.events("HttpExchange") == []


@pytest.mark.parametrize(("language", "case"), pair({"aks-other-audience": "python node"}))
def test_a_projected_token_for_another_audience(play: Play, language: str, case: str) -> None:
    """azure-workload-identity, troubleshooting: the default audience of a cluster is not that of the exchange."""
    assert_no_token(play(language, case, "workload-identity"), "AADSTS700212")


@pytest.mark.parametrize(("language", "case"), pair({"app-service-none": "python"}))
def test_an_app_that_has_no_identity(play: Play, language: str, case: str) -> None:
    """App Service sets its variables only with an identity: the library looks for a machine, and waits.

    azure-sdk-for-python 35452 (GO-031, PY-031).
    """
    result = play(language, case, "default")
    assert_no_token(result, "ManagedIdentityCredential")
    assert result.statuses == []
    assert result.events("ConnectionFailed")


@pytest.mark.parametrize(("language", "case"), pair({"app-service": "node"}))
def test_the_header_of_another_process(play: Play, language: str, case: str) -> None:
    """A header that was stored in a setting and is no longer the one of this process: 401 (GO-032)."""
    result = play(language, case, "managed-identity", env={"IDENTITY_HEADER": "of-yesterday"})
    assert_no_token(result, "")
    assert result.statuses == [401]


@pytest.mark.parametrize(("language", "case"), pair({"vm": "python node"}))
def test_the_id_of_an_application_in_the_environment(play: Play, language: str, case: str) -> None:
    """AZURE_CLIENT_ID of an app registration: the default chain asks the machine for that identity (PY-009, GO-011).

    azure-sdk-for-net 41657 and others; it worked on the desk, where a secret was beside it.
    """
    result = play(language, case, "default", env={"AZURE_CLIENT_ID": APP})
    assert_no_token(result, "")
    (asked,) = result.events("ManagedIdentityRequested")
    assert (asked["requested"], asked["error"]) == (f"client_id {APP}", "Identity not found")


@pytest.mark.parametrize(("language", "case"), pair({"pipelines": "python go"}))
def test_a_step_that_does_not_map_its_token(play: Play, fault: Any, language: str, case: str) -> None:
    """System.AccessToken is a variable of a step only if the step maps it (GO-044, PY-052)."""
    fault("pipelines-oidc", "how=token-not-mapped")
    result = play(language, case, "pipelines")
    words = {"python": "SYSTEM_ACCESSTOKEN", "go": "no system access token specified"}
    assert_no_token(result, words.get(language, ""))
    assert result.events("HttpExchange") == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"api-version=2018-02-01&resource={ARM}/.default", "AADSTS500011"),  # a scope in the place of the resource
        (f"api-version=2018-02-01&scope={ARM}/.default", "Required audience parameter"),
        (f"resource={ARM}", "api-version"),
    ],
)
def test_a_request_by_hand_that_is_not_quite_right(hosts: Any, query: str, said: str) -> None:
    """A scope is no resource, and the version is required: 400 (GO-029, PY-029)."""
    command = ["curl", "-s", "-m", "20", "-H", "Metadata:true", f"{IMDS}?{query}"]
    answer = json.loads(hosts.run("exec", "--device", "vm", "--", *command).stdout)
    assert (said in answer["error_description"], "access_token" in answer) == (True, False)


def test_a_date_where_a_program_expects_a_number(hosts: Any) -> None:
    """Version 2017-09-01 of App Service writes expires_on as a date (azure-sdk-for-js 6134 has the version's names)."""
    command = 'curl -s -H "secret: $MSI_SECRET" "$MSI_ENDPOINT?api-version=2017-09-01&resource=https://vault.azure.net"'
    answer = json.loads(hosts.run("exec", "--device", "app-service", "--", "sh", "-c", command).stdout)
    with pytest.raises(ValueError, match="invalid literal"):
        int(answer["expires_on"])
