"""A ticket for the wrong account: the chain goes from the refusal through the ticket to the CNAME."""

from ssosim_clients.catalogue import MODELS

from ssosim.estate import default_estate
from ssosim.faults import fault_from
from ssosim.memory import Engine, MemoryLab, memory_device
from ssosim.trace import KdcExchange, PhaseStarted, TicketChecked
from ssosim.verdict.explain import explain

AUTOLOGON, PROFILE = "autologon.microsoftazuread-sso.com", "aadg-autologon"


def played(*faults):
    """The records of a browser on Windows, which forms the name of the canonical host, under ``faults``."""
    engine = Engine(1_740_000_000.0)
    lab = MemoryLab(engine, default_estate())
    for fields in faults:
        fault_from(fields).apply(lab)
    lab.trace.record("", PhaseStarted(scenario="s", phase="p"))
    run = engine.start(MODELS["browser-windows"].sign_in(memory_device(lab, "c", "desk-1", user_present=False)))
    engine.run(1_740_000_300.0)
    run.cancel()
    return lab.trace.since()


def test_a_computer_account_behind_the_cname():
    """Without the account the KDC knows no such name; with it there is a ticket, which the service cannot decrypt."""
    cname = {"fault": "cname-for-alias", "name": AUTOLOGON, "profile": PROFILE}
    records = played(cname)
    [asked] = {r.event.service for r in records if isinstance(r.event, KdcExchange)}
    host = asked.removeprefix("HTTP/")
    assert {r.event.mechanism for r in records if isinstance(r.event, TicketChecked)} == {"ntlm"}
    records = played(cname, {"fault": "host-spn-registered", "host": host})
    assert [r.event.accepted for r in records if isinstance(r.event, TicketChecked)][-1] is False
    (found,) = explain(tuple(records), client="c")
    chain = [link.text for link in found.links]
    assert any("the service refused the ticket: wrong-service" in text for text in chain), chain
    assert any(f"the KDC knows {asked}, and issued a ticket for it" in text for text in chain), chain
    assert any("is a CNAME and this client canonicalises" in text for text in chain), chain
