"""The lines of the troubleshooting guides, as one scenario: the real mistake, and its mitigation at work."""

from __future__ import annotations

import json
from typing import Any

from ssosim.real_clients.lookup import find_flows

from .azure_lab import EVERY_WAY, ROOT, home_of

GUIDE = ROOT / "examples" / "azure" / "guide.toml"
REASONS = {
    "invalid-secret": "AADSTS7000215",
    "expired-secret": "AADSTS7000222",
    "unknown-application": "AADSTS700016",
    "wrong-password": "AADSTS50126",
    "identity-not-assigned": "answered 400",
    "workload-variables": "sent nothing",
    "permission": "ForbiddenByRbac",
    "unexpected-credential": "ForbiddenByRbac",
}
"""What the reason of each mistake has to say: the outcome alone could be that of another mistake."""


def test_every_line_has_a_mistake_and_a_mitigation() -> None:
    """Each line of the guide is a flow of the real client, and so is its mitigation."""
    names = {each.flow.name for each in find_flows("azure-sdk")}
    text = GUIDE.read_text(encoding="utf-8")
    for name in REASONS:
        assert {name, f"{name}-mitigated"} <= names
        assert f'model = "azure-sdk/{name}"' in text
        assert f'{name}-mitigated = "silent"' in text
    assert text.count("[[clients]]") == 2 * len(REASONS)


if EVERY_WAY:  # sixteen programs

    def test_every_mistake_shows_its_own_error_and_its_mitigation_works(bench: Any) -> None:
        """The reason of each mistake is its own, and its mitigation signs in.

        GO-003, GO-008, GO-011, GO-014, GO-015, GO-016, GO-019, GO-025, GO-041.
        PY-003, PY-009, PY-011, PY-012, PY-013, PY-019, PY-025, PY-049.
        """
        home_of("azure-sdk")
        process = bench.popen("run", str(GUIDE), "--estate", "contoso-azure", "--json")
        output, errors = process.communicate(timeout=500)
        assert process.returncode == 0, errors
        (phase,) = json.loads(output)["phases"]
        for name, reason in REASONS.items():
            assert reason in phase["clients"][name]["reason"]
            assert phase["clients"][f"{name}-mitigated"]["outcome"] == "silent"
