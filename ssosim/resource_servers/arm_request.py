"""A request to Azure Resource Manager whose token was accepted, and the checks that its parts need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ssosim.entra import Call, Provider
from ssosim.estate import Subscription
from ssosim.resource_servers.access_tokens import Caller
from ssosim.resource_servers.arm_json import read_relaxed_json
from ssosim.resource_servers.arm_replies import ArmError
from ssosim.resource_servers.arm_versions import PUBLISHED, is_published
from ssosim.resource_servers.authorization import is_allowed

__all__ = ["ArmRequest", "read_version"]

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview|-privatepreview)?")


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """A request in a subscription. ``version`` is the ``api-version``."""

    provider: Provider
    call: Call
    caller: Caller
    version: str
    subscription: Subscription

    def url(self, path: str) -> str:
        """Return the absolute URL of ``path`` with the version of the request."""
        return f"https://{self.call.host}{path}?api-version={self.version}"

    def may(self, action: str, scope: str) -> bool:
        """Whether the caller may perform ``action`` in ``scope``."""
        return is_allowed(self.provider, self.caller, action, scope)

    def require(self, action: str, scope: str) -> None:
        """Raise ArmError 403 unless the caller may perform ``action`` in ``scope``, and 409 for a change that waits."""
        if not self.may(action, scope):
            raise ArmError.forbidden(self.caller, action, scope)
        if self.subscription.state == "Disabled" and not action.lower().endswith("/read"):
            text = f"The subscription '{self.subscription.id}' is disabled and therefore marked as read only."
            raise ArmError(409, "ReadOnlyDisabledSubscription", text)

    def read_body(self) -> dict[str, Any]:
        """Return the JSON object in the body; raises ArmError 400."""
        try:
            found = read_relaxed_json(self.call.body or b"{}")
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            text = "The request content was invalid and could not be deserialized."
            raise ArmError(400, "InvalidRequestContent", text)
        return found


def read_version(call: Call) -> str:
    """Return the ``api-version`` of a request; raises ArmError 400."""
    given = call.query.get("api-version", "")
    if not given:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise ArmError(400, "MissingApiVersionParameter", text)
    if not _VERSION.fullmatch(given):
        raise ArmError(400, "InvalidApiVersionParameter", f"The api-version '{given[:32]}' is invalid.")
    if not is_published(given, call.path, call.now):
        text = f"The api-version '{given}' is invalid. The supported versions are '{','.join(PUBLISHED)}'."
        raise ArmError(400, "InvalidApiVersionParameter", text)
    return given
