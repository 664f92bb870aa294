"""azure-identity's default chain, as found on a developer's machine or a build agent."""

from __future__ import annotations

from typing import Final

from ssosim_clients.flows import ChainCredential, ChainFlow, MsalPythonPassword
from ssosim_clients.flows.http import AZURE_CORE
from ssosim_clients.flows.throttle import MsalPythonCache
from ssosim_clients.models.client import Client
from ssosim_clients.policies import FailFast

__all__ = ["AZURE_IDENTITY", "ENVIRONMENT"]

ENVIRONMENT: Final = ChainCredential(
    "EnvironmentCredential", MsalPythonPassword(layers=(AZURE_CORE, MsalPythonCache()))
)
"""AZURE_USERNAME and AZURE_PASSWORD, through MSAL Python on azure-core's pipeline. Without them: unavailable."""

AZURE_IDENTITY: Final = Client(
    name="azure-identity",
    description="azure-identity DefaultAzureCredential: what is unavailable is passed over, what fails ends the chain",
    sources=(
        "azure-identity 1.27 _credentials/chained.py, default.py; azure-core 1.41 RetryPolicy (read, run)",
        "Troubleshooting guide of azure-identity (Python): what ends a chain, and what is said where nothing is set up",
    ),
    policy=FailFast(),
    flow=ChainFlow(
        links=(
            ENVIRONMENT,
            ChainCredential(
                "WorkloadIdentityCredential", unavailable_reason="no federated token file is named in the environment"
            ),
            ChainCredential("ManagedIdentityCredential", unavailable_reason="no identity endpoint answers"),
            ChainCredential(
                "AzureCliCredential", unavailable_reason="the Azure CLI is not installed", developer_tool=True
            ),
            ChainCredential(
                "AzureDeveloperCliCredential", unavailable_reason="azd is not installed", developer_tool=True
            ),
        )
    ),
    can_prompt=False,
    keeps="the first credential that succeeded, and all that MSAL Python keeps",
)
"""An unresolvable name is a failure and no unavailability: the chain stops at the first link, after 4.8 s."""
