"""Run the steps of the composite action as a runner does, without a lab: part of ``make nightly``.

    python tests/setup/action_steps.py

It reads ``examples/action/action.yml``, fills in the inputs, skips the steps whose condition is false, and runs the
others in a foreign folder with ``bash``. Expressions of GitHub that it does not know end it with an error.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))

from building import build_distribution
from foreign_project import ZONE

ROOT = Path(__file__).parents[2]


def evaluate(text: str, inputs: dict[str, str]) -> str:
    """Return the value of an expression: an input, a comparison of one, or a choice of two texts by one."""
    if found := re.fullmatch(r"inputs\.(\w+)", text):
        return inputs[found[1]]
    if found := re.fullmatch(r"inputs\.(\w+) == '([^']*)'", text):
        return str(inputs[found[1]] == found[2]).lower()
    if found := re.fullmatch(r"inputs\.(\w+) == '([^']*)' && '([^']*)' \|\| '([^']*)'", text):
        return found[3] if inputs[found[1]] == found[2] else found[4]
    raise ValueError(f"an expression that this runner does not know: {text}")


def run_steps(inputs: dict[str, str], folder: Path) -> list[int]:
    """Run the steps in ``folder``; returns the exit codes of those that ran. The first failure ends it."""
    action = yaml.safe_load((ROOT / "examples/action/action.yml").read_text(encoding="utf-8"))
    given = {name: str(row.get("default", "")) for name, row in action["inputs"].items()} | inputs
    codes = []
    for step in action["runs"]["steps"]:
        if "if" in step and evaluate(step["if"], given) != "true":
            continue
        variables = {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: evaluate(found[1], given), value)
            for name, value in step.get("env", {}).items()
        }
        assert "${{" not in step["run"], "an expression in a script: what it contains would be run"
        assert step["shell"] == "bash"
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | {"RUNNER_TEMP": str(folder)} | variables, check=False
        )
        codes.append(done.returncode)
        if done.returncode != 0:
            break
    return codes


def main() -> int:
    """Judge a change with the action: it installs, and fails as the change does."""
    with tempfile.TemporaryDirectory(prefix="runner-") as name:
        folder = Path(name)
        wheel = build_distribution(ROOT, "wheel", folder)
        for each, record in (("before", "A 192.0.2.20"), ("after", "CNAME autologon.example.")):
            (folder / each).mkdir()
            (folder / each / "microsoftazuread-sso.com.zone").write_text(ZONE.format(record=record))
        good = run_steps({"wheel": str(wheel), "command": "dns check --from before --to before"}, folder)
        bad = run_steps({"wheel": str(wheel), "command": "dns check --from before --to after --markdown"}, folder)
    print(f"no change: {good}; a change that stalls clients: {bad}")
    return 0 if (good, bad) == ([0, 0], [0, 1]) else 1


if __name__ == "__main__":
    sys.exit(main())
