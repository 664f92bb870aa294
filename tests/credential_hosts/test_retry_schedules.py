"""How each library asks again: requests counted exactly, gaps as lower bounds, since load only makes them longer.

Measured here in November 2026 with the versions of ``clients/real``; that for Python is in
``test_azure_identity_faults.py``. ``make nightly`` plays all of it, in about two minutes, mostly waiting.
"""

from __future__ import annotations

import itertools
import json
from datetime import datetime
from typing import Any

import pytest

from .libraries import EVERY, find_program

STATUS, PROXY = "managed-identity-status", "managed-identity-proxy"
FAULTS = {
    "400": (STATUS, "status=400"),
    "404": (STATUS, "status=404"),
    "410": (STATUS, "status=410"),
    "429": (STATUS, "status=429"),
    "500": (STATUS, "status=500"),
    "502": (PROXY, "how=bad-gateway"),
    "504": (PROXY, "how=gateway-timeout"),
    "docker": (PROXY, "how=docker-desktop"),
}
_GO = (1.6, 4.8, 11.2, 24, 25, 25)  # 2 s, doubled, at most 25 s, with a jitter of 0.8 to 1.3
_SERIES = (0.8, 1.6, 3.2, 6.4, 12.8)
_JAVA = (*_SERIES, 2, *_SERIES, 4, *_SERIES, 8, *_SERIES)  # the retries of two layers: 24 requests
_JAVA_410 = (*_SERIES, *(10, *_SERIES) * 7)  # MSAL4J tries seven more times, 10 s apart: 48 requests, 269 s at least
_NODE_404, _NODE_5XX = (0.4, 0.8, 1.6, 3.2, 6.4), (0.4, 0.8, 1.6)
SCHEDULES: dict[str, dict[str, tuple[float, ...]]] = {
    "go": {"400": (), "docker": (), **dict.fromkeys(("404", "410", "429", "500", "502", "504"), _GO)},
    "node": {
        "400": (),
        "docker": (),
        "404": _NODE_404,
        "410": (1.5, 3, 6, 12, 24),  # 3 s, doubled; jitter takes up to half
        "429": (),  # not tried again, unlike the others
        **dict.fromkeys(("500", "502", "504"), _NODE_5XX),
    },
    "java": {
        "400": (),
        "docker": (),
        "410": _JAVA_410,
        **dict.fromkeys(("404", "429", "500", "502", "504"), _JAVA),
    },
}
"""By language and fault: the least seconds between two requests."""
SAMPLE = [("node", "400"), ("node", "429"), ("node", "502"), ("go", "docker")]
TEXTS = {"node-502": "Network unreachable", "node-429": "Too many requests", "go-docker": "unexpected response"}


def test_the_retries_of_each_library(hosts: Any, request: pytest.FixtureRequest) -> None:
    """The host answers an error to each request: how often a library asks, and how long it waits at least.

    GO-026, GO-028, PY-026 and PY-028 in the other languages.
    """
    request.addfinalizer(lambda: hosts.run("fault", "undo", "all"))
    played = [(language, name) for language in SCHEDULES for name in SCHEDULES[language]] if EVERY else SAMPLE
    started = {}
    for language, name in played:
        label = f"again-{language}-{name}"
        assert hosts.run("fault", "apply", *FAULTS[name], "--client", label).returncode == 0
    for language, name in played:
        command = ["--as", f"again-{language}-{name}", "--deadline", "400", "--", *find_program(language)]
        started[language, name] = hosts.popen("exec", "--device", "vm", *command, "managed-identity")
    printed = {each: process.communicate(timeout=450)[0] for each, process in started.items()}
    records = hosts.records()
    for (language, name), out in printed.items():
        label, gaps = f"again-{language}-{name}", SCHEDULES[language][name]
        mine = [each for each in records if each["client"] == label and each["event"] == "HttpExchange"]
        moments = [datetime.fromisoformat(each["at"]).timestamp() for each in mine]
        measured = [after - before for before, after in itertools.pairwise(moments)]
        assert len(measured) == len(gaps), (label, measured, out)
        assert all(real > least - 0.3 for real, least in zip(measured, gaps, strict=True)), (label, measured)
        found = json.loads(out)
        assert TEXTS.get(f"{language}-{name}", "") in found["text"], (label, found)
