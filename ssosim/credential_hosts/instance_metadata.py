"""What IMDS says of a virtual machine itself: libraries read the region and the cloud from it.

Sources: Azure document "Azure Instance Metadata Service for virtual machines" (versions, formats, errors); azure-docs
issue 15283 (a leaf with another format than text, and one without ``format``, is 400), terraform-azurerm-consul issue
38 (an unknown version); MSAL ``RegionDiscoveryProvider`` (which reads the newest version from the error).
"""

from __future__ import annotations

from collections.abc import Mapping

from ssosim.entra import Call, HttpReply
from ssosim.entra.core.messages import make_json_reply
from ssosim.estate import Device
from ssosim.estate.first_party import CloudName

__all__ = ["IMDS_VERSIONS", "describe_instance"]

_OLD_VERSIONS = ("2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01")
IMDS_VERSIONS = (
    "2018-02-01", "2018-04-02", "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04",
    "2019-08-01", "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
    "2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-10-01", "2021-11-01", "2021-11-15", "2021-12-13",
    "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
)  # fmt: skip
"""The versions of IMDS since managed identities are part of it. Metadata have older ones besides."""

_ENVIRONMENTS: Mapping[CloudName, str] = {
    "public": "AzurePublicCloud",
    "usgov": "AzureUSGovernmentCloud",
    "china": "AzureChinaCloud",
}
_MORE = "For more information refer to aka.ms/azureimds"


def describe_instance(call: Call, device: Device, cloud: CloudName) -> HttpReply:
    """Answer a request below ``/metadata/instance`` of ``device``, which is a machine in ``cloud``. Never raises.

    A request needs the header ``Metadata`` and a version. A leaf is text only, and its ``format`` must say so; an
    object is JSON, or with ``format=text`` the list of its names.
    """
    if problem := _check_request(call):
        return problem
    value: object = {
        "compute": {
            "azEnvironment": _ENVIRONMENTS[cloud],
            "location": "westeurope",
            "name": device.name,
            "osType": "Linux",
            "provider": "Microsoft.Compute",
            "vmScaleSetName": device.name if device.kind == "scale-set" else "",
        }
    }
    for segment in (each for each in call.path[2:] if each):
        names = {name.lower(): each for name, each in value.items()} if isinstance(value, dict) else {}
        value = names.get(segment.lower())
    return _render(value, as_text=call.query.get("format", "json").lower() == "text")


def _check_request(call: Call) -> HttpReply | None:
    """Return the refusal of a request; None for an acceptable one."""
    if call.join_fields("Metadata").lower() != "true":
        return _refuse("Bad request. Required metadata header not specified")
    if "X-Forwarded-For" in call.headers:
        return _refuse("Bad request. Forwarded requests are not supported")
    if call.method != "GET":
        return _refuse("Method not allowed", 405)
    version = call.query.get("api-version", "")
    if version not in (*_OLD_VERSIONS, *IMDS_VERSIONS):
        why = "is invalid" if version else "was not specified in the request"
        newest = list(IMDS_VERSIONS[:-4:-1])
        return make_json_reply({"error": f"Bad request. api-version {why}. {_MORE}", "newest-versions": newest}, 400)
    return None


def _render(value: object, *, as_text: bool) -> HttpReply:
    match value:
        case None:
            return _refuse("Not found", 404)
        case str() if as_text:
            return HttpReply(200, value.encode(), "text/plain; charset=utf-8")
        case dict() if as_text:
            lines = [f"{name}/" if isinstance(each, dict) else name for name, each in value.items()]
            return HttpReply(200, "\n".join(lines).encode(), "text/plain; charset=utf-8")
        case dict():
            return make_json_reply(value)
        case _:
            return _refuse("Bad request. The format of this resource is text only")


def _refuse(text: str, status: int = 400) -> HttpReply:
    return make_json_reply({"error": text}, status)
