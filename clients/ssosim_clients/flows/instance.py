"""Instance discovery: the host names of the login service. Most failures of this request have no effect on the sign-in.

Source: msal4j AadInstanceDiscoveryProvider.java; 1.26.0 run against each response below.
"""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

from ssosim_clients.failures import NetworkFailure, OauthFailure
from ssosim_clients.flows.token import Application
from ssosim_clients.ports import Device

__all__ = ["discover"]


async def discover(device: Device, app: Application) -> None:
    """Send the request once in a process. No response, a response that is not JSON, and an empty 403 are ignored.

    Raises ``OauthFailure`` for a JSON object without ``tenant_discovery_endpoint``, whatever its status. A 429 or 5xx
    starts msal4j's lock, as in any other request, and the token request after it is not sent.
    """
    key = f"msal4j:instance {app.login_host}"
    if device.memory.recall(key, bool, device.clock.now()):
        return
    authorize = f"https://{app.login_host}/{quote(app.tenant, safe='')}/oauth2/v2.0/authorize"
    query = urlencode({"api-version": "1.1", "authorization_endpoint": authorize})
    url = f"https://{app.login_host}/common/discovery/instance?{query}"
    fields = {"Accept": "application/json", "client-request-id": device.new_id()}
    try:
        response = await device.http.request("GET", url, fields | (app.headers.fields() if app.headers else {}), b"")
        document = json.loads(response.body)
    except (NetworkFailure, ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and not document.get("tenant_discovery_endpoint"):
        text = str(document.get("error_description", "")).partition("\n")[0]
        raise OauthFailure(str(document.get("error", "unknown")), None, text)
    device.memory.keep(key, value=True)
