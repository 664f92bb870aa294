"""WS-Federation for browsers: the URL of the sign-in request, and the response of the federation service.

Sources: WS-Federation 1.2, section 13 (parameters ``wa``, ``wtrealm``, ``wctx``, ``wreply``, ``wresult``); AADInternals
and ROADtools (``wctx=LoginOptions=3&estsredirect=2&estsrequest=...``, ``username``, the post to ``/login.srf``).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from lxml import etree

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.messages import read_fields
from ssosim.entra.core.safe_xml import InvalidXmlError, escape_text, parse_xml
from ssosim.entra.core.timestamps import format_xml_time
from ssosim.entra.wstrust.rst import TRUST_NAMESPACES, WSU
from ssosim.entra.wstrust.saml_write import TOKEN_TYPE_SAML1
from ssosim.estate import FederationService

__all__ = [
    "PASSWORD_METHOD",
    "WSIGNIN",
    "build_sign_in_url",
    "build_wctx",
    "extract_assertion",
    "read_wctx",
    "render_wresult",
]

WSIGNIN = "wsignin1.0"
PASSWORD_METHOD = "urn:oasis:names:tc:SAML:1.0:am:password"  # noqa: S105 - the name of a method
"""The value of ``wauth`` for a sign-in with a password (WS-Federation 1.2, section 13.2.2)."""
_LIMIT = 256 * 1024
_TRUST = TRUST_NAMESPACES["2005"]
_WRESULT = (
    f'<t:RequestSecurityTokenResponse xmlns:t="{_TRUST}"><t:Lifetime>'
    f'<wsu:Created xmlns:wsu="{WSU}">%(start)s</wsu:Created><wsu:Expires xmlns:wsu="{WSU}">%(end)s</wsu:Expires>'
    '</t:Lifetime><wsp:AppliesTo xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy">'
    '<wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>%(audience)s</wsa:Address>'
    "</wsa:EndpointReference></wsp:AppliesTo><t:RequestedSecurityToken>%(assertion)s</t:RequestedSecurityToken>"
    f"<t:TokenType>{TOKEN_TYPE_SAML1}</t:TokenType><t:RequestType>{_TRUST}/Issue</t:RequestType>"
    "<t:KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</t:KeyType>"
    "</t:RequestSecurityTokenResponse>"
)


def build_wctx(request: str) -> str:
    """Build the ``wctx`` parameter that carries ``request``, a sealed text."""
    return urlencode({"LoginOptions": "3", "estsredirect": "2", "estsrequest": request})


def read_wctx(context: str) -> str:
    """Return the sealed text in a ``wctx``; ``""`` if there is none."""
    try:
        return read_fields(context, 16).get("estsrequest", "")
    except ValueError:
        return ""


def build_sign_in_url(
    service: FederationService,
    *,
    realm: str,
    context: str,
    reply: str,
    name: str,
    request_id: str,
    fresh: Mapping[str, str],
) -> str:
    """Build the URL of the sign-in page of ``service``.

    ``realm`` is the relying party, ``reply`` the URL for the response if it is not the one that the service knows for
    the cloud (``""`` else), ``name`` the user name (may be empty), ``fresh`` the parameters that demand a new sign-in.
    The cloud itself sends no ``wreply`` (captures), and programs depend on it: DavMail takes a page with
    ``login.microsoftonline.com`` in it for the response.
    """
    query = {"client-request-id": request_id, "wa": WSIGNIN, "wtrealm": realm, "wctx": context}
    if reply:
        query["wreply"] = reply
    if name:
        query["username"] = name
    query |= fresh
    return f"{endpoint_urls.federation_page_url(service)}?{urlencode(query)}"


def render_wresult(assertion: str, audience: str, start: float, end: float) -> str:
    """Render the ``wresult`` with ``assertion``, in the WS-Trust 2005 form that AD FS uses for all relying parties."""
    values = {
        "start": format_xml_time(start),
        "end": format_xml_time(end),
        "audience": escape_text(audience),
        "assertion": assertion,
    }
    return _WRESULT % values


def extract_assertion(wresult: str) -> bytes:
    """Return the one assertion in a ``wresult``, unverified; raises InvalidXmlError for none and for several."""
    root = parse_xml(wresult.encode(errors="replace"), _LIMIT)
    names = [f"{{{namespace}}}RequestedSecurityToken" for namespace in TRUST_NAMESPACES.values()]
    found = [token for element in root.iter(*names) for token in element]
    if len(found) != 1:
        raise InvalidXmlError(f"The response has {len(found) or 'no'} security token{'s' if found else ''}.")
    return etree.tostring(found[0], with_tail=False)
