"""The SPN rules of real clients, by name.

A source says how the rule is known. *read*: from source code. *run*: from the ticket requests at the KDC while the
client ran (MIT krb5 1.20.1, curl 7.88.1, OpenJDK 17). *documented*: from the vendor's documentation only.

Channel bindings: read in Chromium (http_auth_handler_negotiate.cc), Firefox (nsAuthSSPI.cpp) and .NET
(AuthenticationHelper.NtAuth.cs); documented for WinINet and WinHTTP. Run at a service that requires them: of curl,
Chromium 156, Firefox ESR, libsoup and requests-kerberos on Linux only the last one sends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ssosim_clients.spn.rule import NameForm, OnLookupFailure, OnUnknown, PortInSpn, SpnRule

__all__ = ["RULES"]

_TYPED = (NameForm.TYPED,)
_FORWARD = (NameForm.FORWARD,)
_REVERSE = (NameForm.FORWARD_REVERSE,)

_KRB5 = "krb5 src/lib/krb5/os/sn2princ.c, get_creds.c"
_DOTNET = "dotnet/runtime AuthenticationHelper.NtAuth.cs"

_LIBRARIES = (
    SpnRule(
        name="mit-default",
        source=f"{_KRB5}: dns_canonicalize_hostname=true, rdns=true (read, run)",
        forms=_REVERSE,
        on_unknown=OnUnknown.ERROR,
        adds_search_domain=True,
    ),
    SpnRule(
        name="mit-no-rdns",
        source=f"{_KRB5}: dns_canonicalize_hostname=true, rdns=false (read, run)",
        forms=_FORWARD,
        on_unknown=OnUnknown.ERROR,
        adds_search_domain=True,
    ),
    SpnRule(
        name="mit-no-canon",
        source=f"{_KRB5}: dns_canonicalize_hostname=false (read, run)",
        forms=_TYPED,
        on_unknown=OnUnknown.ERROR,
        adds_search_domain=True,
    ),
    SpnRule(
        name="mit-fallback",
        source=f"{_KRB5}: dns_canonicalize_hostname=fallback, since 1.18 (read, run)",
        forms=(NameForm.TYPED, NameForm.FORWARD_REVERSE),
        on_unknown=OnUnknown.ERROR,
        adds_search_domain=True,
    ),
    SpnRule(
        name="heimdal",
        source="heimdal lib/krb5/principal.c, without name_canon_rules: never reverse (read)",
        forms=_FORWARD,
        on_unknown=OnUnknown.ERROR,
    ),
    SpnRule(
        name="heimdal-rules",
        source="heimdal krb5.conf.5 name_canon_rules, as-is then nss: the next one on an unknown name (read)",
        forms=(NameForm.TYPED, NameForm.FORWARD),
        on_unknown=OnUnknown.ERROR,
    ),
    SpnRule(
        name="sspi",
        source="SSPI itself makes no look-up; Negotiate may turn to NTLM (documented)",
        forms=_TYPED,
        on_unknown=OnUnknown.NTLM,
    ),
)

_BROWSERS = (
    SpnRule(
        name="chromium-windows",
        source="chromium net/http/http_auth_handler_negotiate.cc, http_auth_sspi_win.cc (read)",
        forms=_FORWARD,
        on_unknown=OnUnknown.NTLM,
        channel_bindings=True,
    ),
    SpnRule(
        name="chromium-linux",
        source="chromium http_auth_gssapi_posix.cc: its own look-up, then libkrb5's; Chromium 156 (measured)",
        forms=_FORWARD,
        library_forms=_REVERSE,
        on_unknown=OnUnknown.RESEND_PLAIN,
        adds_search_domain=True,
    ),
    SpnRule(
        name="firefox-windows",
        source="firefox extensions/auth/nsAuthSSPI.cpp MakeSN (read)",
        forms=_FORWARD,
        on_lookup_failure=OnLookupFailure.GIVE_UP_SCHEME,
        on_unknown=OnUnknown.NEXT_SCHEME,
        channel_bindings=True,
    ),
    SpnRule(
        name="firefox-linux",
        source="firefox extensions/auth/nsHttpNegotiateAuth.cpp: libkrb5 decides (read)",
        forms=_TYPED,
        library_forms=_REVERSE,
        on_unknown=OnUnknown.NEXT_SCHEME,
        adds_search_domain=True,
    ),
    SpnRule(
        name="wininet",
        source="Microsoft support KB911149: the alias is followed; NTLM, but not without a DC (documented)",
        forms=_FORWARD,
        on_unknown=OnUnknown.NTLM,
        channel_bindings=True,
    ),
    SpnRule(
        name="winhttp",
        source="WinHTTP: whether it follows CNAMEs is unconfirmed; taken to be as WinINet",
        forms=_FORWARD,
        on_unknown=OnUnknown.NTLM,
        channel_bindings=True,
    ),
    SpnRule(
        name="winhttp-typed",
        source="WinHTTP, the other possibility: the name as typed; unconfirmed",
        forms=_TYPED,
        on_unknown=OnUnknown.NTLM,
        channel_bindings=True,
    ),
)

_RUNTIMES = (
    SpnRule(
        name="dotnet",
        source=f"{_DOTNET}: Dns.GetHostEntryAsync, nothing catches its error (read)",
        forms=_FORWARD,
        on_lookup_failure=OnLookupFailure.RAISE,
        channel_bindings=True,
    ),
    SpnRule(
        name="dotnet-linux",
        source=f"{_DOTNET}, NegotiateAuthenticationPal.Unix.cs: GetHostEntryAsync, then libkrb5 (read)",
        forms=_FORWARD,
        library_forms=_REVERSE,
        on_lookup_failure=OnLookupFailure.RAISE,
        adds_search_domain=True,
        channel_bindings=True,
    ),
    SpnRule(
        name="dotnet-framework",
        source="referencesource _AuthenticationState.cs GetComputeSpn: the name from the connect look-up (read)",
        forms=_FORWARD,
        on_unknown=OnUnknown.NTLM,
        channel_bindings=True,
    ),
    SpnRule(
        name="java",
        source="openjdk PrincipalName.java, NegotiateAuthentication.java: no CNAME is followed (read, run)",
        forms=(NameForm.LENGTHEN,),
        on_unknown=OnUnknown.NEXT_SCHEME,
        remembers_failure=True,
    ),
    SpnRule(
        name="java-no-canon",
        source="openjdk JDK-8210821, JDK 12 and later: dns_canonicalize_hostname=false (read, run)",
        forms=_TYPED,
        on_unknown=OnUnknown.NEXT_SCHEME,
        remembers_failure=True,
    ),
    SpnRule(
        name="java-jgss",
        source="JGSS without HttpURLConnection, openjdk PrincipalName.java (read); with an authenticator of OkHttp "
        "4.12 (run): the 401 is the result",
        forms=_TYPED,
        library_forms=(NameForm.LENGTHEN,),
    ),
    SpnRule(
        name="httpclient5",
        source="httpclient5 GGSSchemeBase.java, SystemDefaultDnsResolver.java: Java's getCanonicalHostName, else the "
        "name as typed; then JGSS; without a ticket the request is sent again (5.3.1 read, 5.6.5 run)",
        forms=(NameForm.CONFIRMED_REVERSE,),
        library_forms=(NameForm.LENGTHEN,),
        on_unknown=OnUnknown.RESEND_PLAIN,
    ),
    SpnRule(
        name="httpclient5-as-typed",
        source="httpclient5 KerberosConfig.java with useCanonicalHostname=false: the name as typed; then JGSS; without "
        "a ticket the request is sent again (5.3.1 read, 5.6.5 run)",
        forms=_TYPED,
        library_forms=(NameForm.LENGTHEN,),
        on_unknown=OnUnknown.RESEND_PLAIN,
    ),
    SpnRule(
        name="gokrb5",
        source="gokrb5 v8/spnego/http.go: net.LookupCNAME, krb5.conf is not asked; Go 1.20 and later "
        "net/dnsclient_unix.go goLookupIPCNAMEOrder: behind several CNAMEs the first target if CNAME is answered "
        "before A and AAAA, else the last (read, run with Go 1.26; golang/go #59943)",
        forms=(NameForm.FIRST_OR_LAST,),
        on_unknown=OnUnknown.ERROR,
    ),
)

_PROGRAMS = (
    SpnRule(
        name="go-spnego",
        source="github.com/dpotapov/go-spnego spnego.go canonicalizeHostname: net.LookupHost, then net.LookupAddr of "
        "the first address, whose error is returned; krb5.conf is not asked (2021-03-15, read, run)",
        forms=(NameForm.REVERSE_ONLY,),
        on_lookup_failure=OnLookupFailure.RAISE,
        on_unknown=OnUnknown.ERROR,
    ),
    SpnRule(
        name="curl-gssapi",
        source="curl lib/vauth/spnego_gssapi.c: libkrb5 decides; goes on without a token (read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        adds_search_domain=True,
    ),
    SpnRule(
        name="curl-sspi",
        source="curl on Windows: host of the URL; no NTLM inside Negotiate since 8.22 (read)",
        forms=_TYPED,
    ),
    SpnRule(
        name="requests-gssapi",
        source="requests-gssapi gssapi_.py: logs and returns the 401 (read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        adds_search_domain=True,
    ),
    SpnRule(
        name="requests-kerberos",
        source="requests-kerberos kerberos_.py, through pyspnego: returns the 401 (read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        adds_search_domain=True,
        channel_bindings=True,
    ),
    SpnRule(
        name="httpx-gssapi",
        source="httpx-gssapi gssapi_.py: the error is swallowed, the request sent again bare (read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        on_unknown=OnUnknown.RESEND_PLAIN,
        adds_search_domain=True,
    ),
    SpnRule(
        name="libsoup",
        source="libsoup 3 libsoup/auth/soup-auth-negotiate.c: libkrb5 decides; the 401 is the result (read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        adds_search_domain=True,
    ),
    SpnRule(
        name="lwp-negotiate",
        source="LWP::Authen::Negotiate 0.08 lib/LWP/Authen/Negotiate.pm: libkrb5 decides; the 401 is the result "
        "(read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        adds_search_domain=True,
    ),
    SpnRule(
        name="pyspnego",
        source="pyspnego _gss.py: SpnegoError (read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        on_unknown=OnUnknown.ERROR,
        adds_search_domain=True,
    ),
    SpnRule(
        name="python-gssapi",
        source="python-gssapi Name(HTTP@host, hostbased_service): libkrb5 decides, GSSError (read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        on_unknown=OnUnknown.ERROR,
        adds_search_domain=True,
    ),
    SpnRule(
        name="node-kerberos",
        source="node kerberos src/unix/kerberos_gss.cc: the promise rejects (read, run)",
        forms=_TYPED,
        library_forms=_REVERSE,
        on_unknown=OnUnknown.ERROR,
        adds_search_domain=True,
    ),
    SpnRule(
        name="sqlclient",
        source="SqlClient SniProxy.netcore.cs GetSqlServerSPNs, with a port known; dotnet/runtime Dns.cs "
        "GetHostEntryCore: an IP address is looked up backwards (read)",
        forms=(NameForm.HOST_ENTRY,),
        on_unknown=OnUnknown.ERROR,
        port=PortInSpn.ALWAYS,
        service="MSSQLSvc",
    ),
    SpnRule(
        name="mssql-jdbc",
        source="mssql-jdbc SSPIAuthentication.java, where no realm is set (read)",
        forms=_TYPED,
        on_unknown=OnUnknown.ERROR,
        port=PortInSpn.ALWAYS,
        service="MSSQLSvc",
    ),
    SpnRule(
        name="mssql-jdbc-realm",
        source="mssql-jdbc SSPIAuthentication.java with a realm: Java's getCanonicalHostName, a PTR that leads back; "
        "else the name as typed (read)",
        forms=(NameForm.CONFIRMED_REVERSE,),
        on_unknown=OnUnknown.ERROR,
        port=PortInSpn.ALWAYS,
        service="MSSQLSvc",
    ),
)

RULES: Final[Mapping[str, SpnRule]] = MappingProxyType(
    {rule.name: rule for rule in (*_LIBRARIES, *_BROWSERS, *_RUNTIMES, *_PROGRAMS)}
)
"""Every rule by name; those of Kerberos libraries come first."""
