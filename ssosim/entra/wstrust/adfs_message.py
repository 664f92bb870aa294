"""What AD FS refuses in a WS-Trust message before it looks at the user: media type, headers, and the kind of token.

AD FS is a service of WCF on Windows Identity Foundation. ``check_media_type`` and ``check_message`` are the rules of
these two; each raises an AadstsError whose details are the fault: ``subcode``, its ``namespace``, and the text
(``reason``). Not among them is the address in ``To``: WCF compares it without the host, and whether AD FS does is
unconfirmed. A message without a Timestamp is accepted, since the binding of transport security needs none.

Sources, in microsoft/referencesource: HttpChannelHelpers.cs (``ValidateContentType``: 415), TextMessageEncoder.cs
(``IsCharSetSupported``), IWSTrust13SyncContract.cs
(actions), MustUnderstandSoapException.cs, UserNameSecurityTokenHandler.cs (type of the password),
SecurityTokenService.cs (``ValidateRequest``, ``GetProofToken``: types of key and token), WSTrustServiceContract.cs (the
body). In use: MSAL.NET issue 2193 (415 of /adfs/services/trust/2005/usernamemixed), easysoap issue 21
(ActionNotSupported).
"""

from __future__ import annotations

from collections.abc import Mapping

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.wstrust.rst import ADDRESSING, SOAP12, TRUST_NAMESPACES, WSSE, Rst
from ssosim.entra.wstrust.saml_write import TOKEN_TYPE_SAML1, TOKEN_TYPE_SAML2

__all__ = ["SAML2_NAMES", "check_media_type", "check_message", "make_fault"]

_MEDIA_TYPE = "application/soap+xml"
_PROFILE = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#"  # WSS SAML Token Profile 1.1
_SAML1_NAMES = frozenset({TOKEN_TYPE_SAML1, f"{_PROFILE}SAMLV1.1"})
SAML2_NAMES = frozenset({TOKEN_TYPE_SAML2, f"{_PROFILE}SAMLV2.0"})
"""The names of SAML 2.0 as the type of a token."""
_BEARER_KEYS = frozenset(
    {
        "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        *(f"{namespace}/Bearer" for namespace in TRUST_NAMESPACES.values()),
    }
)
_VERBS = ("Issue", "Cancel", "Renew", "Validate")
_TEXT_TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
_ADDRESSING_HEADERS = frozenset(
    f"{{{ADDRESSING}}}{name}" for name in ("Action", "FaultTo", "From", "MessageID", "RelatesTo", "ReplyTo", "To")
)
_SECURITY_HEADER = f"{{{WSSE}}}Security"
_DELEGATION = ("ActAs", "OnBehalfOf")
_NO_PROOF_KEY = (
    "ID4007: The symmetric key inside the requested security token must be encrypted. The request has no KeyType for a "
    "bearer token."
)


def make_fault(subcode: str, text: str, namespace: str = "") -> AadstsError:
    """Make the error that is rendered as a fault with ``subcode``; without ``namespace`` it is that of WS-Trust."""
    return AadstsError(81016, reason=text, subcode=subcode, namespace=namespace)


def check_media_type(headers: Mapping[str, str], body: bytes) -> None:
    """Raise AadstsError with status 415 for a body that is not said to be SOAP 1.2 in UTF-8; an empty one has no type.

    WCF also reads UTF-16 (``TextEncoderDefaults``); here that is refused.
    """
    if not body:
        return
    given = headers.get("Content-Type", "").strip()
    if not given:
        raise AadstsError(81016, reason="Missing Content Type", status=415)
    media_type, *parameters = (each.strip() for each in given.split(";"))
    pairs = (each.partition("=") for each in parameters)
    charsets = {value.strip().strip('"').lower() for name, _, value in pairs if name.strip().lower() == "charset"}
    if media_type.lower() != _MEDIA_TYPE or not charsets <= {"utf-8"}:
        text = f"Cannot process the message because the content type '{given[:128]}' was not the expected type "
        raise AadstsError(81016, reason=f"{text}'{_MEDIA_TYPE}; charset=utf-8'.", status=415)


def check_message(rst: Rst, kind: str) -> None:
    """Check headers and request of ``rst`` at an endpoint of this ``kind`` (``usernamemixed``); raises AadstsError.

    The order of the checks is that of WCF: security, action, headers, request.
    """
    if rst.password_type not in ("", _TEXT_TYPE):
        raise make_fault("InvalidSecurity", "An error occurred when verifying security for the message.", WSSE)
    _check_action(rst)
    transport = kind.endswith("transport")  # no credential in the message, so nobody reads a security header
    understood = _ADDRESSING_HEADERS if transport else _ADDRESSING_HEADERS | {_SECURITY_HEADER}
    for tag in rst.must_understand:
        if tag not in understood:
            namespace, _, name = tag.removeprefix("{").rpartition("}")
            text = (
                f"The header '{name[:64]}' from the namespace '{namespace[:128]}' was not understood by the recipient "
            )
            raise make_fault(
                "MustUnderstand", f"{text}of this message, causing the message to not be processed.", SOAP12
            )
    _check_request(rst)


def _check_action(rst: Rst) -> None:
    trust = TRUST_NAMESPACES[rst.version]
    if rst.action == f"{trust}/RST/Issue":
        return
    if rst.action in [f"{trust}/RST/{verb}" for verb in _VERBS]:
        raise make_fault("InvalidRequest", "Only tokens can be issued here; the request type is not supported.")
    text = f"The message with Action '{rst.action[:128]}' cannot be processed at the receiver, due to a ContractFilter "
    raise make_fault("ActionNotSupported", f"{text}mismatch at the EndpointDispatcher.", ADDRESSING)


def _check_request(rst: Rst) -> None:
    if not rst.is_first_in_body:
        raise make_fault("InvalidRequest", "ID3114: The body does not start with a RequestSecurityToken.")
    if rst.token_type and rst.token_type not in _SAML1_NAMES | SAML2_NAMES:
        raise make_fault("BadRequest", f"The token type '{rst.token_type[:128]}' is not supported.")
    delegation = [name for name in rst.other_parts if name in _DELEGATION]
    if delegation:
        raise make_fault("InvalidRequest", f"{delegation[0]}: a token for somebody else is not made here.")
    if rst.key_type not in _BEARER_KEYS:
        raise make_fault("RequestFailed", _NO_PROOF_KEY)
    if rst.key_size not in ("", "0"):
        raise make_fault("InvalidRequest", "ID2050: A KeySize does not belong to a bearer token.")
