"""The program under test: a silent sign-in with requests and requests-gssapi, and a prompt where that fails."""

import base64
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import requests
from requests_gssapi import HTTPSPNEGOAuth

LOGIN = "https://login.microsoftonline.com"
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI: a public client that every tenant has
HEADERS = {"x-client-SKU": "Python", "x-client-Ver": "1.0", "x-client-OS": "linux"}  # for the MEX document's URL
TRUST = "http://schemas.xmlsoap.org/ws/2005/02/trust"
REQUEST = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
  xmlns:a="http://www.w3.org/2005/08/addressing"
  xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><s:Header>
  <a:Action s:mustUnderstand="1">{trust}/RST/Issue</a:Action><a:MessageID>urn:uuid:{message}</a:MessageID>
  <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>
  <a:To s:mustUnderstand="1">{to}</a:To><o:Security s:mustUnderstand="1"
  xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
  <u:Timestamp u:Id="_0"><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp></o:Security>
  </s:Header><s:Body><t:RequestSecurityToken xmlns:t="{trust}">
  <p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"><a:EndpointReference>
  <a:Address>urn:federation:MicrosoftOnline</a:Address></a:EndpointReference></p:AppliesTo>
  <t:KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</t:KeyType>
  <t:RequestType>{trust}/Issue</t:RequestType></t:RequestSecurityToken></s:Body></s:Envelope>"""


def sign_in(user: str, ask_password: Callable[[], str]) -> str:
    """Return an access token for ``user``: without a prompt if Kerberos works, else with the password."""
    try:
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:saml1_1-bearer", "assertion": get_assertion(user)}
    except requests.RequestException:
        grant = {"grant_type": "password", "username": user, "password": ask_password()}
    fields = {"client_id": CLIENT, "resource": "https://graph.microsoft.com", "scope": "openid", **grant}
    response = requests.post(f"{LOGIN}/common/oauth2/token", fields, timeout=30)
    response.raise_for_status()
    return str(response.json()["access_token"])


def get_assertion(user: str) -> str:
    """Return a SAML assertion for the Kerberos ticket of ``user``. Raises requests.RequestException."""
    realm = requests.get(f"{LOGIN}/common/userrealm/{user}", {"api-version": "1.0"}, headers=HEADERS, timeout=30).json()
    document = requests.get(realm["federation_metadata_url"], timeout=30).text
    to = re.search(r"https://[^<]*/2005/windowstransport[^<]*", document)
    if to is None:
        raise requests.RequestException("the MEX document has no endpoint for Windows authentication")
    now = datetime.now(UTC)
    created, expires = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now, now + timedelta(minutes=10)))
    body = REQUEST.format(trust=TRUST, message=uuid.uuid4(), to=to[0], created=created, expires=expires)
    headers = {**HEADERS, "Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": f"{TRUST}/RST/Issue"}
    response = requests.post(to[0], body, headers=headers, auth=HTTPSPNEGOAuth(), timeout=30)
    response.raise_for_status()
    found = re.search(r"<(\w+:)?RequestedSecurityToken>(.*)</\1RequestedSecurityToken>", response.text, re.DOTALL)
    if found is None:
        raise requests.RequestException("the response has no assertion")
    return base64.b64encode(found[2].encode()).decode()
