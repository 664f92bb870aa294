"""Instance discovery: which names the login host goes by. Asked for caution, and hardly ever heeded.

Source: msal4j AadInstanceDiscoveryProvider.java; 1.26.0 run against each answer below.
"""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

from ssosim_clients.failures import NetworkFailure, OauthFailure
from ssosim_clients.flows.token import Application
from ssosim_clients.ports import Device

__all__ = ["discover"]


async def discover(device: Device, app: Application) -> None:
    """Ask once in a process, and go on whatever came: no answer, no JSON, an empty 403.

    Raises ``OauthFailure`` for a JSON object that names no ``tenant_discovery_endpoint``, whatever its status. A 429 or
    5xx leaves msal4j's lock behind like any other, and the token request after it is not sent.
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
        answer = json.loads(response.body)
    except (NetworkFailure, ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and not answer.get("tenant_discovery_endpoint"):
        text = str(answer.get("error_description", "")).partition("\n")[0]
        raise OauthFailure(str(answer.get("error", "unknown")), None, text)
    device.memory.keep(key, value=True)
