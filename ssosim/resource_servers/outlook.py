"""Exchange Online: the service ``outlook``. Exchange Web Services, through which mail gateways read mailboxes.

One operation is there: GetFolder of the inbox. Sources: Exchange document "Authenticate an EWS application by using
OAuth" (``EWS.AccessAsUser.All``, ``full_access_as_app``, impersonation), MS-OAUTH2EX and MS-XOAUTH (challenge,
``x-ms-diagnostics`` with its codes), MS-OXWSFOLD (GetFolder).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape, unescape

from ssosim.entra import Call, HttpReply
from ssosim.estate import Estate, User
from ssosim.estate.first_party import EXCHANGE_ONLINE, cloud_name_of
from ssosim.resource_servers.access_tokens import Caller, Requirements, TokenRefusedError, check_access_token
from ssosim.resource_servers.application import ResourceApplication, ResourceError
from ssosim.resource_servers.endpoints import OUTLOOK_HOSTS, outlook_audiences
from ssosim.services.provider_application import NOT_FOUND
from ssosim.services.service import Service

__all__ = ["OutlookApplication", "outlook"]

_MAILBOX = re.compile(r"<(?:\w+:)?(?:PrimarySmtpAddress|PrincipalName|SmtpAddress)>([^<]{1,256})</")
_XML = "text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class OutlookApplication(ResourceApplication):
    """Exchange Web Services."""

    def answer(self, call: Call) -> HttpReply:
        """Answer one request."""
        if [part.lower() for part in call.path] != ["ews", "exchange.asmx"]:
            return NOT_FOUND
        caller = check_access_token(self.provider, call, Requirements(outlook_audiences(self.provider.estate)))
        if not caller.scopes & {"EWS.AccessAsUser.All"} and not (
            caller.kind == "app" and caller.roles & {"full_access_as_app"}
        ):
            raise ResourceError(403, "2000008", "The token contains not enough scope to make this call.")
        if call.method != "POST" or b"GetFolder" not in call.body:
            return HttpReply(200, b"", "text/html; charset=utf-8")
        return self._get_folder(call, caller)

    def refuse_token(self, call: Call, refused: TokenRefusedError) -> HttpReply:  # noqa: ARG002 - the same for each call
        """Return 401 with the challenge of Exchange Online."""
        return _refuse_token(refused)

    def reply_error(self, call: Call, error: ResourceError) -> HttpReply:  # noqa: ARG002 - the same for each call
        """Return an error with its diagnostics, which is all that Exchange Online says."""
        fields = (("x-ms-diagnostics", f'{error.code};reason="{error.message}";error_category="invalid_grant"'),)
        return HttpReply(error.status, b"", "", fields, error_description=error.message)

    def _get_folder(self, call: Call, caller: Caller) -> HttpReply:
        directory = self.provider.directory
        named = _MAILBOX.search(call.body.decode("utf-8", "replace"))
        user = directory.find_user(unescape(named[1])) if named else None
        if caller.kind == "user":
            own = directory.find_user_by_id(caller.object_id)
            if named is not None and user is not own:
                return _fault("ErrorImpersonateUserDenied", "The account does not have permission to impersonate.")
            user = own
        elif named is None:
            return _fault("ErrorImpersonationRequired", "ExchangeImpersonation SOAP header must be present.")
        if user is None or directory.find_tenant(user.tenant) is not caller.tenant or not user.enabled:
            return _fault("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        return _folder_of(user)


def _folder_of(user: User) -> HttpReply:
    return _envelope(
        '<m:GetFolderResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
        'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>'
        '<m:GetFolderResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Folders>'
        f'<t:Folder><t:FolderId Id="{user.object_id}"/><t:DisplayName>Inbox</t:DisplayName>'
        "<t:TotalCount>0</t:TotalCount></t:Folder></m:Folders></m:GetFolderResponseMessage></m:ResponseMessages>"
        "</m:GetFolderResponse>",
        200,
    )


def _fault(code: str, text: str) -> HttpReply:
    body = (
        f"<s:Fault><faultcode>a:{code}</faultcode><faultstring>{escape(text)}</faultstring><detail>"
        f"<e:ResponseCode>{code}</e:ResponseCode></detail></s:Fault>"
    )
    return _envelope(body.replace("<s:Fault>", f'<s:Fault xmlns:e="{_ERRORS}" xmlns:a="{_ERRORS}">'), 500, code)


_ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"


def _envelope(body: str, status: int, description: str = "") -> HttpReply:
    text = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{body}</s:Body></s:Envelope>'
    return HttpReply(status, text.encode(), _XML, error_description=description)


def _refuse_token(refused: TokenRefusedError) -> HttpReply:
    uri = 'authorization_uri="https://login.windows.net/common/oauth2/authorize"'
    fields = [
        (
            "WWW-Authenticate",
            f'Bearer client_id="{EXCHANGE_ONLINE}", trusted_issuers="00000001-0000-0000-c000-000000000000@*", '
            f'token_types="app_asserted_user_v1 service_asserted_app_v1", {uri}'
            + ("" if refused.reason == "missing" else ', error="invalid_token"'),
        )
    ]
    code, why, category = {
        "audience": ("2000003", "The audience claim value is invalid.", "invalid_resource"),
        "expired": ("2000001", "The token has expired.", "token_expired"),
        "signature": ("2000001", "The token has an invalid signature.", "invalid_signature"),
    }.get(refused.reason, ("2000001", "The token is invalid.", "invalid_token"))
    if refused.reason != "missing":
        fields.append(("x-ms-diagnostics", f'{code};reason="{why}";error_category="{category}"'))
    return HttpReply(401, b"", "", tuple(fields), error_description="" if refused.reason == "missing" else why)


def outlook(estate: Estate) -> tuple[Service, ...]:
    """Return the service at the host of Exchange Online in the estate's cloud."""
    host = OUTLOOK_HOSTS[cloud_name_of(estate.cloud.cloud_instance_name)]
    audiences = outlook_audiences(estate)
    return (Service(name="outlook", dns_names=(host,), audiences=audiences, application=OutlookApplication.start),)
