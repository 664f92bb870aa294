"""The host in a service principal name: the same for verdicts, clock faults, routes between realms and DNS changes."""

from __future__ import annotations

import pytest

from ssosim.faults.core.clocks import ClockRule, Clocks
from ssosim.spn import read_spn_host

WEB = "web.contoso.com"


@pytest.mark.parametrize(
    ("spn", "host"),
    [
        (f"HTTP/{WEB}", WEB),
        ("HTTP/Web.Contoso.COM", WEB),
        (f"HTTP/{WEB}.", WEB),
        (f"HTTP/{WEB}:8443", WEB),
        (f"HTTP/{WEB}.:8443", WEB),
        (f"HTTP/{WEB}@CORP.CONTOSO.COM", WEB),
        (f"HTTP/{WEB}:8443@CORP.CONTOSO.COM", WEB),
        (f"ldap/{WEB}/contoso.com", WEB),
        (f"ldap/{WEB}:389/contoso.com@CORP", WEB),
        ("HTTP/web", "web"),
        ("HTTP/192.0.2.1:80", "192.0.2.1"),
        ("HTTP/[2001:DB8::1]:8443", "2001:db8::1"),
        ("HTTP/2001:db8::1", "2001:db8::1"),
        ("krbtgt/CORP.CONTOSO.COM@CORP", "corp.contoso.com"),
        ("HTTP", ""),
        ("HTTP/", ""),
        ("alice@CORP", ""),
        ("", ""),
    ],
)
def test_the_host_is_without_all_that_may_stand_beside_it(spn: str, host: str) -> None:
    """Service, port, further name, realm, case and the dot at the end are not part of the host."""
    assert read_spn_host(spn) == host


@pytest.mark.parametrize("service", [f"HTTP/{WEB}", f"HTTP/{WEB}:8443", f"HTTP/{WEB}./x@CORP", f"HTTP/{WEB}:8443@CORP"])
def test_the_ticket_of_a_service_is_found_by_each_of_its_names(service: str) -> None:
    """A KDC with a wrong clock gave this ticket: that explains the refusal, whatever the client asked for beside it."""
    clocks = Clocks(kdcs=["fast", "right"])
    clocks.apply((ClockRule("kdc", 3600, kdcs=("fast",), fault=7),))
    clocks.note_ticket("mine", service, "fast")
    clocks.note_ticket("mine", "HTTP/other.contoso.com", "right")
    assert clocks.explain_refused_ticket("mine", WEB, of_ticket=True)[1] == (7,)
    assert clocks.explain_refused_ticket("mine", "other.contoso.com", of_ticket=True)[1] == ()
