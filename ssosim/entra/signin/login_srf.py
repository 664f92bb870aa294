"""Where a federation service's answer arrives: from its assertion to the code that the application waits for."""

from __future__ import annotations

from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.messages import Answer, Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.authorize_endpoint import error_page
from ssosim.entra.oauth.federated_users import proven_by_service, returned_flow
from ssosim.entra.oauth.token_request import read_form, required
from ssosim.entra.signin.sign_in_post import signed_in

__all__ = ["login_srf"]


def login_srf(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """POST /login.srf with ``wa``, ``wresult`` and ``wctx``. Mistakes stay on a page."""
    try:
        form = read_form(call.body)
        flow = returned_flow(provider, call, required(form, "wctx"))
        proven = proven_by_service(provider, flow, required(form, "wresult"), call.now)
    except Refusal as refusal:
        return error_page(refusal, call)
    return signed_in(provider, call, flow, proven.user, proven.method)
