"""A program for a device in the private network: rounds of good and bad traffic at every port."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import urllib.parse

import gssapi

LOGIN, AUTOLOGON, STS = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "sts.fabrikam.com"
SECRET = "Swordfish-1234567890"
RST = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>'
    '<t:RequestSecurityToken xmlns:t="http://schemas.xmlsoap.org/ws/2005/02/trust"/></s:Body></s:Envelope>'
)
USERNAME = RST.replace(
    "<s:Header/>",
    '<s:Header><o:Security xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">'
    "<o:UsernameToken><o:Username>alice@contoso.com</o:Username>"
    f"<o:Password>{SECRET}</o:Password></o:UsernameToken></o:Security></s:Header>",
)
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
TRUST = "/contoso.com/winauth/trust/2005"


def ticket(host: str) -> dict[str, str]:
    """A header with a fresh Negotiate token."""
    name = gssapi.Name(f"HTTP/{host}", gssapi.NameType.kerberos_principal)
    token = gssapi.SecurityContext(name=name, usage="initiate").step()
    return {"Authorization": "Negotiate " + base64.b64encode(token or b"").decode()}


def form(**fields: str) -> bytes:
    """A token request."""
    return urllib.parse.urlencode({"client_id": CLI, "scope": "openid offline_access"} | fields).encode()


def sign_in(to: dict[str, http.client.HTTPSConnection]) -> None:
    """Ticket, assertion, tokens, refresh; then the same assertion, and a changed one."""
    body = ask(to[AUTOLOGON], "POST", f"{TRUST}/windowstransport", 200, RST.encode(), ticket(AUTOLOGON))
    found = re.search("<saml:Assertion.*</saml:Assertion>", body.decode())
    good = found[0] if found else ""
    middle = good.index("<DesktopSsoToken>") + 80
    changed = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
    assertion, other = (base64.b64encode(text.encode()).decode() for text in (good, changed))
    grant = "urn:ietf:params:oauth:grant-type:saml1_1-bearer"
    token = ask(to[LOGIN], "POST", "/organizations/oauth2/v2.0/token", 200, form(grant_type=grant, assertion=assertion))
    refresh = re.search('"refresh_token":"([^"]*)"', token.decode())
    again = form(grant_type="refresh_token", refresh_token=refresh[1] if refresh else "")
    ask(to[LOGIN], "POST", "/organizations/oauth2/v2.0/token", 200, again)
    for bad in (assertion, other):
        ask(to[LOGIN], "POST", "/organizations/oauth2/v2.0/token", 400, form(grant_type=grant, assertion=bad))


def refusals(to: dict[str, http.client.HTTPSConnection]) -> None:
    """Secrets that are refused."""
    ask(to[AUTOLOGON], "POST", f"{TRUST}/windowstransport", 403, RST.encode(), ticket(STS))
    ask(to[AUTOLOGON], "POST", f"{TRUST}/usernamemixed", 400, USERNAME.encode())
    wrong = form(grant_type="password", username="alice@contoso.com", password=SECRET)
    ask(to[LOGIN], "POST", "/organizations/oauth2/v2.0/token", 400, wrong)
    ask(to[LOGIN], "POST", "/organizations/oauth2/token", 400, form(grant_type="refresh_token", refresh_token=SECRET))
    big = {"Authorization": "Negotiate YII" + "A" * 60_000}
    ask(to[AUTOLOGON], "GET", "/contoso.com/winauth/sso", 403, b"", big)


def ask(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    status: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> bytes:
    """One exchange, whose status must be as said."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if "/oauth2/" in path else {}
    connection.request(method, path, body, kind | (headers or {}))
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != status:
        sys.exit(f"{method} {path}: {answer.status} instead of {status}: {content[:300]!r}")
    if SECRET.encode() in content:
        sys.exit(f"{method} {path}: the answer repeats the password")
    return content


def rubbish(source: random.Random) -> None:
    """Bytes at ports 53, 88 and 443, over UDP, TCP and TLS; tickets in headers that cannot be parsed."""
    context = ssl.create_default_context()
    for _ in range(10):
        data = source.randbytes(source.randrange(1, 600))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(data, ("10.10.0.53", 53))
        for place in (("10.10.0.53", 53), ("10.10.0.88", 88), (LOGIN, 443)):
            with contextlib.suppress(OSError), socket.create_connection(place, 5) as tcp:
                tcp.sendall(data)
        header = f"GET / HTTP/1.1\r\nHost: {LOGIN}\r\nAuthorization: Negotiate YIIabcdefghijk"
        for rest in ("\0\r\n\r\n", "A" * 140_000 + "\r\n\r\n"):
            plain = socket.create_connection((LOGIN, 443), 5)
            with contextlib.suppress(OSError), context.wrap_socket(plain, server_hostname=LOGIN) as tls:
                tls.sendall((header + rest).encode())
                if b"YIIabcdef" in tls.recv(65536):
                    sys.exit("the answer repeats a ticket")


def main(rounds: int, seed: int) -> None:
    """Run, and end with 0 when every answer was the right one."""
    source = random.Random(seed)  # noqa: S311 - not for secrets
    if seed == 1:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(os.urandom(100), ("10.10.0.88", 88))
        url = f"https://{AUTOLOGON}/contoso.com/winauth/sso"
        subprocess.run(["curl", "-sSf", "--negotiate", "-u", ":", "-o", "/dev/null", url], check=True)
    for _ in range(rounds):
        to = {host: http.client.HTTPSConnection(host, timeout=60) for host in (LOGIN, AUTOLOGON)}
        for _ in range(10):
            sign_in(to)
            refusals(to)
        rubbish(source)
        for connection in to.values():
            connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
