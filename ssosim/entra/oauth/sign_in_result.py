"""The result of a sign-in in a browser: whether the user gets what was asked for, and the response with the code.

Sources: Entra auth-code document (``client_info``), OpenID Connect Core, section 3.1.2.1 (``prompt=none``); MSAL.js
FAQ and issues 2537 and 6610 (a silent request in a frame needs the cookie of an earlier sign-in; without it 50058),
pull request 2030 (``sid``; the code for another session is unconfirmed); azure-docs issue 51307 (``max_age``).
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ssosim.entra.core.application_rules import require_client
from ssosim.entra.core.authentication import Authentication
from ssosim.entra.core.browser_sessions import session_id_of
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jose import encode_base64url
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.access_grants import grant_user_access
from ssosim.entra.oauth.authorization_codes import SignInFlow, issue_code
from ssosim.entra.oauth.client_types import client_type_of_redirect
from ssosim.entra.oauth.national_clouds import describe_cloud
from ssosim.entra.oauth.redirect_uris import find_redirect_type, redirect_to_application
from ssosim.entra.oauth.requested_access import OIDC_SCOPES, RequestedAccess, list_resources, read_scopes
from ssosim.entra.oauth.sign_in_rules import SignIn, check_sign_in, find_resource_tenant
from ssosim.entra.oauth.token_request import ClientType
from ssosim.estate import User

__all__ = ["answer_silently", "check_access", "send_code"]


def send_code(
    provider: Provider,
    call: Call,
    flow: SignInFlow,
    user: User,
    authentication: Authentication,
    client_type: ClientType,
) -> HttpReply:
    """Record the sign-in in the session of the browser, and send a code to the application."""
    provider.sessions.record_sign_in(flow.browser, flow.client_id, user.object_id, authentication, call.now)
    authentication = msgspec.structs.replace(authentication, session=session_id_of(flow.browser))
    fields = {"code": issue_code(provider, flow, user, authentication, call.now, client_type)}
    if flow.client_info:
        info = {"uid": user.object_id, "utid": provider.directory.find_home_tenant(user).id}
        fields["client_info"] = encode_base64url(msgspec.json.encode(info))
    if flow.instance_aware:
        fields |= describe_cloud(provider, call)
    return redirect_to_application(flow, fields)


def answer_silently(provider: Provider, call: Call, flow: SignInFlow) -> HttpReply:
    """Answer a request with ``prompt=none`` with a code for the user who has signed in with this browser.

    Raises AadstsError: 50058 without a session, for another session or user than those that ``sid`` and ``login_hint``
    name, and if the user signed in longer than ``max_age`` ago; those of ``check_access``. Nobody can be asked, so a
    second factor that is missing is 50076 here.
    """
    session = provider.sessions.find(flow.browser, call.now)
    user = None if session is None else provider.directory.find_user_by_id(session.subject)
    if session is None or user is None or flow.login_hint.lower() not in ("", user.upn.lower()):
        raise AadstsError(50058)
    if call.query.get("sid", "") not in ("", session_id_of(flow.browser)):
        raise AadstsError(50058)
    if flow.max_age is not None and (flow.max_age == 0 or call.now - session.authentication.time > flow.max_age):
        raise AadstsError(50058)
    client_type = check_access(provider, call, flow, user, session.authentication, at_page=False)
    return send_code(provider, call, flow, user, session.authentication, client_type)


def check_access(
    provider: Provider,
    call: Call,
    flow: SignInFlow,
    user: User,
    authentication: Authentication,
    *,
    at_page: bool = True,
) -> ClientType:
    """Check that user and application may have the access that is asked for; return the type of the client.

    ``at_page``: whether the user is there and can answer. Raises AadstsError as ``find_resource_tenant``,
    ``check_sign_in`` and ``grant_user_access``.
    """
    application = provider.directory.require_application(flow.client_id, flow.authority)
    tenant = find_resource_tenant(provider, provider.directory.find_tenant(flow.authority), user, application)
    require_client(provider.directory, flow.client_id, tenant)
    redirect_type = None if flow.user_code else find_redirect_type(application, flow.redirect_uri)
    client_type = client_type_of_redirect(redirect_type or "native")
    sign_in = SignIn(
        user,
        tenant,
        application,
        flow.resource,
        authentication,
        client_type,
        "1.0" if flow.version == "1.0" else "2.0",
        at_page=at_page,
        required_policies=flow.policies,
    )
    check_sign_in(provider, call, sign_in)
    cloud = provider.estate.cloud
    asked = RequestedAccess(flow.resource, flow.scopes, id_token=False, refresh_token=False)
    for resource in list_resources(asked, cloud):  # consent is asked for all of them (MSAL, extra scopes to consent)
        scopes = tuple(
            scope
            for scope in flow.scopes
            if (resource == asked.resource and scope in OIDC_SCOPES)
            or (scope not in OIDC_SCOPES and read_scopes((scope,), cloud).resource.lower() == resource.lower())
        )
        grant_user_access(provider, application, tenant, user, replace(asked, resource=resource, scopes=scopes))
    return client_type
