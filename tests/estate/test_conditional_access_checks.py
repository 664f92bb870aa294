"""Conditional Access policies and guests in an estate: references and combinations that mean nothing are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .changed_estate import Data, mistakes, put

GRAPH_ID = "00000003-0000-0000-c000-000000000000"
HERE = "tenants[0].conditional_access_policies[0]"


def policies(*each: Data) -> Callable[[Data], None]:
    """The policies of the first tenant."""
    return put("tenants.0.conditional_access_policies", [{"name": f"p{at}"} | policy for at, policy in enumerate(each)])


MFA = {"built_in_controls": ["mfa"]}


@pytest.mark.parametrize(
    ("policy", "path", "words"),
    [
        ({}, HERE, "requires nothing: give built_in_controls, sign_in_frequency, or both"),
        ({"built_in_controls": ["block", "mfa"]}, f"{HERE}.built_in_controls", '"block" stands alone'),
        (MFA | {"id": "1234"}, f"{HERE}.id", "is not a GUID"),
        (MFA | {"users": ["alice@contoso.con"]}, f"{HERE}.users[0]", "there is no user 'alice@contoso.con'"),
        (MFA | {"users": ["alice@contoso.com", "x"]}, f"{HERE}.users[1]", "there is no user 'x'"),
        (MFA | {"exclude_users": ["x"]}, f"{HERE}.exclude_users[0]", "there is no user 'x'"),
        (MFA | {"applications": ["https://nobody.example"]}, f"{HERE}.applications[0]", "there is no API"),
        (MFA | {"exclude_applications": [""]}, f"{HERE}.exclude_applications[0]", "there is no API ''"),
    ],
)
def test_a_policy_that_means_nothing(policy: Data, path: str, words: str) -> None:
    """A policy that applies to nobody, or requires nothing, would be a yes that nothing has checked."""
    found = mistakes(policies(policy))
    assert words in found.get(path, ""), found


@pytest.mark.parametrize(
    "policy",
    [
        MFA,
        {"sign_in_frequency": 0},
        {"built_in_controls": ["block"]},
        {"built_in_controls": ["mfa", "compliantDevice"], "operator": "AND"},
        MFA | {"users": ["Alice@Contoso.com"], "exclude_users": ["bob@contoso.com"]},
        MFA | {"applications": [GRAPH_ID, GRAPH_ID.upper()]},
        MFA | {"applications": ["https://graph.microsoft.com", "https://Graph.microsoft.com/"]},
        MFA | {"applications": ["https://management.azure.com/"]},
        MFA | {"id": "11111111-1111-4111-8111-111111111111"},
    ],
)
def test_a_policy_that_means_something(policy: dict[str, Any]) -> None:
    """The nearest policy that is right: names in any letters, an API by client id or identifier URI."""
    assert mistakes(policies(policy)) == {}


def test_a_policy_has_a_name_of_its_own_in_its_tenant() -> None:
    """A message names the policy that refused, so two of one tenant differ; other tenants may have the name too."""
    found = mistakes(policies({"name": "MFA", **MFA}, {"name": "mfa", **MFA}))
    assert found == {
        "tenants[0].conditional_access_policies[1].name": "'mfa' is the name of another policy of this tenant"
    }
    other = put("tenants.1.conditional_access_policies", [{"name": "MFA", **MFA}])
    assert mistakes(other) == {}
