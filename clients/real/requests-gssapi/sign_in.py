"""One silent sign-in of a hand-written client: realm, MEX, windowstransport with requests-gssapi, token. No retries."""
# ruff: noqa: INP001  a program, not a package

import base64
import os
import re
import sys
import uuid
import xml.etree.ElementTree as ET
from urllib.parse import quote

import requests
from requests_gssapi import HTTPSPNEGOAuth

CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI: a public client that every tenant has
LOGIN = "https://login.microsoftonline.com"
RESOURCE = "https://graph.microsoft.com"
TRUST = "http://schemas.xmlsoap.org/ws/2005/02/trust"
RST = f"""\
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
  <s:Header>
    <a:Action s:mustUnderstand="1">{TRUST}/RST/Issue</a:Action>
    <a:MessageID>urn:uuid:{{message}}</a:MessageID>
    <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>
    <a:To s:mustUnderstand="1">{{to}}</a:To>
  </s:Header>
  <s:Body>
    <t:RequestSecurityToken xmlns:t="{TRUST}">
      <p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy">
        <a:EndpointReference><a:Address>urn:federation:MicrosoftOnline</a:Address></a:EndpointReference>
      </p:AppliesTo>
      <t:KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</t:KeyType>
      <t:RequestType>{TRUST}/Issue</t:RequestType>
    </t:RequestSecurityToken>
  </s:Body>
</s:Envelope>
"""


def sign_in(user):
    """Sign in ``user`` and return the user name. Raises an exception of requests for any failed request."""
    session = requests.Session()
    session.headers.update({"x-client-SKU": "Python", "x-client-Ver": "1.0", "x-client-OS": sys.platform})
    realm = session.get(f"{LOGIN}/common/userrealm/{quote(user)}?api-version=1.0")
    realm.raise_for_status()
    mex = session.get(realm.json()["federation_metadata_url"])
    mex.raise_for_status()
    document = ET.fromstring(mex.content)  # noqa: S314  expat since 2.4 bounds entities, and the lab made the document
    addresses = [found.text for found in document.iter("{http://www.w3.org/2005/08/addressing}Address")]
    to = next(url for url in addresses if "/2005/windowstransport" in url)
    response = session.post(
        to,
        RST.format(message=uuid.uuid4(), to=to),
        headers={"Content-Type": "application/soap+xml; charset=utf-8", "SOAPAction": f"{TRUST}/RST/Issue"},
        auth=HTTPSPNEGOAuth(),
    )
    response.raise_for_status()
    body = response.text
    assertion = re.search(r"<(\w+:)?RequestedSecurityToken>(.*)</\1RequestedSecurityToken>", body, re.DOTALL)[2]
    token = session.post(
        f"{LOGIN}/common/oauth2/token",
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:saml1_1-bearer",
            "assertion": base64.b64encode(assertion.encode()).decode(),
            "client_id": CLIENT,
            "resource": RESOURCE,
            "scope": "openid",
        },
    )
    token.raise_for_status()
    return user


try:
    print("signed in as", sign_in(os.environ["SSOSIM_USER"]))
except Exception as error:  # noqa: BLE001  every exception is a result
    sys.exit(f"{type(error).__module__}.{type(error).__qualname__}: {' '.join(str(error).split())}")
