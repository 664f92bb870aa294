"""docs/glossary.md: every term of the product is defined once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ssosim_clients.steps import SignInStep

from ssosim.trace import events
from ssosim.verdict import Outcome

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^- \*\*([^*]+)\*\*: \S", re.MULTILINE)
TERMS = [term.lower() for term in ENTRY.findall(GLOSSARY)]
REQUIRED = """
    estate, lab, device, client model, real client, flow, fault, scenario, phase, step, outcome, verdict, evidence,
    exposure, spn, realm discovery, mex, alias record, traffic manager, view, staged change, ledger, gate, drift, plan,
    in-memory lab, virtual time, scripted user, foreign host, unknown destination, trace, policy, service, host, zone,
    resolver, control api
"""


def test_every_term_is_defined_once() -> None:
    """No term has two entries, whatever its case."""
    assert [term for term, count in Counter(TERMS).items() if count > 1] == []
    assert len(TERMS) > 80


def test_the_terms_of_the_product_are_defined() -> None:
    """The central terms, the five outcomes and the layers of the trace are in the glossary."""
    required = {" ".join(term.split()) for term in REQUIRED.split(",")}
    assert sorted(required - set(TERMS)) == []
    assert sorted({outcome.value for outcome in Outcome} - set(TERMS)) == []
    layers = {getattr(events, name).layer for name in events.__all__}
    [entry] = re.findall(r"^- \*\*Layer\*\*: .*(?:\n  .*)*", GLOSSARY, re.MULTILINE)
    assert sorted(layer for layer in layers if layer not in entry) == []


def test_the_steps_that_it_names_exist() -> None:
    """The examples of sign-in steps are values of SignInStep."""
    [entry] = re.findall(r"^- \*\*Sign-in step\*\*: .*(?:\n  .*)*", GLOSSARY, re.MULTILINE)
    named = re.findall(r"`([a-z-]+)`", entry)
    assert len(named) > 2
    assert sorted(set(named) - {step.value for step in SignInStep}) == []


def test_the_readme_links_to_it() -> None:
    """A reader of the README finds the glossary."""
    assert "(docs/glossary.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
