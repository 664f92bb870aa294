"""Use resources with the Azure SDK for Python, by its public API and its own defaults.

The result is one line of JSON for each use: what came, or the error with its type and status.
"""
# ruff: noqa: INP001  a program, not a package

import argparse
import json
import logging
import os
import sys
import warnings

import azure.identity
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HeadersPolicy, RetryPolicy
from azure.core.rest import HttpRequest
from azure.keyvault.secrets import SecretClient
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.storage.blob import BlobServiceClient

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
TENANT = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI

REPORT = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b11"  # the application with a secret that ends a chain


class KeptToken:
    """A credential that never asks again: it gives its first token for the life of the process (Az 5.0)."""

    def __init__(self, credential):
        self._credential, self._tokens = credential, {}

    def get_token(self, *scopes, **options):
        """Return the first token for these scopes."""
        if scopes not in self._tokens:
            self._tokens[scopes] = self._credential.get_token(*scopes, **options)
        return self._tokens[scopes]


class OtherAudience:
    """A credential that asks for another scope than the client wants."""

    def __init__(self, credential, scope):
        self._credential, self._scope = credential, scope

    def get_token(self, *_, **options):
        """Return a token for the other scope."""
        return self._credential.get_token(self._scope, **options)


def make_credential(options):
    """Return the credential that the options name."""
    tenant = {"tenant_id": options.tenant} if options.tenant else {}
    allowed = {"additionally_allowed_tenants": options.allow} if options.allow else {}
    makers = {
        "default": lambda: azure.identity.DefaultAzureCredential(**allowed),
        "cli": lambda: azure.identity.AzureCliCredential(process_timeout=60, **tenant, **allowed),
        "managed-identity": lambda: azure.identity.ManagedIdentityCredential(client_id=options.client_id),
        "workload-identity": azure.identity.WorkloadIdentityCredential,
        "interactive": lambda: azure.identity.InteractiveBrowserCredential(timeout=30, **tenant, **allowed),
        "password": lambda: azure.identity.UsernamePasswordCredential(
            CLIENT,
            os.environ["SSOSIM_USER"],
            os.environ["SSOSIM_PASSWORD"],
            tenant_id=options.tenant or TENANT,
            **allowed,
        ),
        "secret": lambda: azure.identity.ClientSecretCredential(
            options.tenant or TENANT, options.client_id, os.environ["AZURE_CLIENT_SECRET"], **allowed
        ),
        "certificate": lambda: azure.identity.CertificateCredential(
            options.tenant or TENANT, options.client_id, options.certificate, **allowed
        ),
    }
    for kind in ("managed-identity", "workload-identity"):
        makers[f"chain-of-{kind}"] = lambda kind=kind: azure.identity.ChainedTokenCredential(
            makers[kind](),
            azure.identity.ClientSecretCredential(TENANT, REPORT, os.environ["AZURE_CLIENT_SECRET"]),
        )
    credential = makers[options.credential]()
    if options.scope:
        credential = OtherAudience(credential, options.scope)
    return KeptToken(credential) if options.keep_token else credential


def read_secret(credential, options):
    """Read one secret of a vault."""
    with SecretClient(f"https://{options.vault}.vault.azure.net", credential, retry_total=1) as client:
        return client.get_secret(options.name or "database-password").value


def set_secret(credential, options):
    """Set one secret of a vault, and list the names."""
    with SecretClient(f"https://{options.vault}.vault.azure.net", credential, retry_total=1) as client:
        client.set_secret(options.name or "written", "a new value")
        return sorted(each.name for each in client.list_properties_of_secrets())


def read_blob(credential, options):
    """Read one blob."""
    url = f"https://{options.account}.blob.core.windows.net"
    with BlobServiceClient(url, credential, retry_total=1) as client:
        return client.get_blob_client("orders", options.name or "first.txt").download_blob().readall().decode()


def write_blob(credential, options):
    """Write one blob, and list the names in its container."""
    url = f"https://{options.account}.blob.core.windows.net"
    with BlobServiceClient(url, credential, retry_total=1) as client:
        container = client.get_container_client("orders")
        container.upload_blob("second.txt", b"another order", overwrite=True)
        return sorted(each.name for each in container.list_blobs())


def list_tenants(credential, _options):
    """List the tenants and the subscriptions that Azure Resource Manager shows."""
    with SubscriptionClient(credential) as client:
        tenants = [each.tenant_id for each in client.tenants.list()]
        return {"tenants": tenants, "subscriptions": [each.display_name for each in client.subscriptions.list()]}


def list_groups(credential, options):
    """List the resource groups of a subscription."""
    with ResourceManagementClient(credential, options.subscription) as client:
        return sorted(each.name for each in client.resource_groups.list())


def deploy(credential, options):
    """Deploy an empty template and wait until it is done."""
    properties = {"mode": "Incremental", "template": {"resources": []}, "parameters": {}}
    with DeploymentsMgmtClient(credential, options.subscription, retry_total=1) as client:
        poller = client.deployments.begin_create_or_update("shop", options.name or "first", {"properties": properties})
        return poller.result().properties.provisioning_state


def delete_group(credential, options):
    """Create a resource group, delete it, and wait until it is gone."""
    with ResourceManagementClient(credential, options.subscription, retry_total=1) as client:
        client.resource_groups.create_or_update("temporary", {"location": "westeurope"})
        client.resource_groups.begin_delete("temporary").result()
        return client.resource_groups.check_existence("temporary")


def ask_graph(credential, options):
    """Ask Microsoft Graph with the pipeline that all clients of the SDK have (see README.md)."""
    bearer = BearerTokenCredentialPolicy(credential, "https://graph.microsoft.com/.default")
    policies = [HeadersPolicy(), RetryPolicy(retry_total=1), bearer]
    with PipelineClient("https://graph.microsoft.com", policies=policies) as client:
        response = client.send_request(HttpRequest("GET", f"https://graph.microsoft.com/v1.0/{options.name or 'me'}"))
        response.raise_for_status()
        return response.json()


USES = {
    "secret": read_secret,
    "set-secret": set_secret,
    "blob": read_blob,
    "write-blob": write_blob,
    "tenants": list_tenants,
    "groups": list_groups,
    "deploy": deploy,
    "delete-group": delete_group,
    "graph": ask_graph,
}


def main():
    """Use the resources, one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("use", choices=sorted(USES), nargs="+")
    parser.add_argument("--credential", default="default")
    for name in ("client-id", "tenant", "certificate", "name", "scope"):
        parser.add_argument(f"--{name}", default=None)
    parser.add_argument("--allow", action="append", default=[])
    parser.add_argument("--keep-token", action="store_true")
    parser.add_argument("--vault", default="contoso-shop")
    parser.add_argument("--account", default="contososhop")
    parser.add_argument("--subscription", default=SUBSCRIPTION)
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # passwords are deprecated
    logging.getLogger("azure").addHandler(logging.NullHandler())
    try:
        credential = make_credential(options)
    except Exception as error:  # noqa: BLE001 - every exception of the library is a result
        print(json.dumps(describe_error(error)))
        return 1
    results = [use_one(USES[name], credential, options) for name in options.use]
    for found in results:
        print(json.dumps(found))
    return 0 if all("result" in found for found in results) else 1


def use_one(function, credential, options):
    """Return what one use gave."""
    try:
        return {"result": function(credential, options)}
    except Exception as error:  # noqa: BLE001 - every exception of the library is a result
        return describe_error(error)


def describe_error(error):
    """Return an exception as a result."""
    found = {"error": type(error).__name__, "text": " ".join(str(error).split())}
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return found if status is None else found | {"status": status}


if __name__ == "__main__":
    sys.exit(main())
