"""The endpoint that takes a federation service's response: it verifies the assertion and issues the code."""

from __future__ import annotations

from collections.abc import Mapping

from ssosim.entra.core.authentication import authenticate_by
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.error_page import render_error_page
from ssosim.entra.oauth.federated_users import read_returned_flow, verify_federated_user
from ssosim.entra.oauth.token_request import read_form, require_parameter
from ssosim.entra.signin.sign_in_post import finish_sign_in
from ssosim.entra.wstrust.ws_federation import WSIGNIN

__all__ = ["handle_login_srf"]


def handle_login_srf(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /login.srf with ``wa``, ``wresult`` and ``wctx``. Errors are shown on a page."""
    try:
        context, result = _read_answer(read_form(call.body))
        flow = read_returned_flow(provider, call, context)
        subject = verify_federated_user(provider, result, call.now)
    except AadstsError as error:
        return render_error_page(error, call)
    call.trace_buffer.note_not_checked(*subject.not_checked)
    return finish_sign_in(provider, call, flow, subject.user, authenticate_by(subject.method, subject.user, call.now))


def _read_answer(form: Mapping[str, str]) -> tuple[str, str]:
    """Return ``wctx`` and ``wresult``; raises AadstsError 900144 for a parameter that is missing, 9002313 for ``wa``.

    WS-Federation 1.2, section 13.2, requires ``wa``; the codes are unconfirmed.
    """
    if require_parameter(form, "wa") != WSIGNIN:
        raise AadstsError(9002313, reason="The wa is not wsignin1.0.")
    return require_parameter(form, "wctx"), require_parameter(form, "wresult")
