"""The default credential chain of azure-identity, on a developer's machine or a build agent."""

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
"""AZURE_USERNAME and AZURE_PASSWORD, with MSAL Python on the HTTP pipeline of azure-core. Unavailable without them."""

AZURE_IDENTITY: Final = Client(
    name="azure-identity",
    description="azure-identity DefaultAzureCredential: skips an unavailable credential, a failed one ends the chain",
    sources=(
        "azure-identity 1.27 _credentials/chained.py, default.py; azure-core 1.41 RetryPolicy (read, run)",
        "Troubleshooting guide of azure-identity (Python): what ends a chain, and the message if nothing is set up",
    ),
    policy=FailFast(),
    flow=ChainFlow(
        credentials=(
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
    keeps="the first credential that succeeded, and the caches of MSAL Python",
)
"""A name without an address is a failure and does not make a credential unavailable: the chain ends at the first
credential, after 4.8 s."""
