"""The chain of causes names what the verdict names."""

from ssosim.trace import ClientFinished, ClientMessage, DnsAnswered, FaultApplied, HttpExchange, KdcExchange, Record
from ssosim.verdict.explain import explain

AUTOLOGON, TARGET = "autologon.microsoftazuread-sso.com", "www.tm.a.prd.aadg.trafficmanager.net"
fault = FaultApplied(name="cname-for-alias", detail=f"{AUTOLOGON} is a CNAME", id=1)
moved = DnsAnswered(
    name=AUTOLOGON, type="A", rcode="NOERROR", answers=(f"CNAME {TARGET}.", "A 192.0.2.20"), faults=(1,)
)
empty = DnsAnswered(name=AUTOLOGON, type="A", rcode="NODATA", faults=(1,))
searched = DnsAnswered(name=f"{AUTOLOGON}.corp.contoso.com", type="A", rcode="NXDOMAIN")
challenge = HttpExchange(host=AUTOLOGON, method="GET", path="/contoso.com/winauth/sso", status=401)
unknown = KdcExchange(request="TGS", service=f"HTTP/{TARGET}", outcome="KDC_ERR_S_PRINCIPAL_UNKNOWN")
realm = KdcExchange(
    request="TGS", service="krbtgt/TM.A.PRD.AADG.TRAFFICMANAGER.NET", outcome="KDC_ERR_S_PRINCIPAL_UNKNOWN"
)
ended = ClientFinished(program="curl", exit_code=22)


def _explained(*events):
    records = [Record(1, 0.0, "", fault)]
    records += [Record(number, float(number), "curl", event) for number, event in enumerate(events, 2)]
    (found,) = explain(records, client="curl")
    return str(found)


def test_a_realm_that_libkrb5_guesses_is_not_the_cause():
    """After an unknown service libkrb5 asks for a ticket of the realm of its name; the service is what went wrong."""
    assert _explained(moved, challenge, unknown, realm, ended) == (
        f"curl in this lab: refused: no ticket ← the KDC does not know HTTP/{TARGET} ← {AUTOLOGON} is a CNAME and this "
        "client canonicalises ← fault 'cname-for-alias' at 00:00"
    )
    assert f"does not know HTTP/{TARGET}" in _explained(moved, unknown, realm, challenge, ended)


def test_the_name_that_was_meant_is_the_cause():
    """And not the last one of the resolver's search list (TMS9-020)."""
    assert f": {AUTOLOGON} has no address (NODATA) ← " in _explained(empty, searched, empty, searched, ended)


def test_without_a_chain_there_is_the_reason():
    """What failed and left nothing on the wire is not left unexplained."""
    assert _explained(ClientMessage(text="no arguments"), ended) == (
        "curl in this lab: failed: it ended with exit code 22 and sent nothing"
    )


def test_questions_of_the_lab_itself_are_nobodys_sign_in():
    """What `ssosim spn` and `ssosim dns` ask has no outcome, unless it is named."""
    records = [Record(1, 0.0, "spn", unknown), Record(2, 0.0, "dns-probe", empty), Record(3, 1.0, "curl", challenge)]
    assert [each.client for each in explain(records)] == ["curl"]
    assert [each.client for each in explain(records, client="spn")] == ["spn"]


def test_a_browsers_own_name_is_no_cause_where_there_is_another():
    """The explanation names what the verdict names, whatever else the program looked up in the end."""
    noise = DnsAnswered(name="connectivitycheck.gstatic.com", type="A", rcode="NXDOMAIN")
    refused = HttpExchange(host=AUTOLOGON, method="GET", path="/contoso.com/winauth/sso", status=403, auth="kerberos")
    assert _explained(challenge, refused, noise, ended).startswith("curl in this lab: refused: 403")
    assert "gstatic.com has no address" in _explained(noise, ended)
