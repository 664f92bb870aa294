"""A real recursive resolver (unbound) in front of the lab's name servers gives the same answers as ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

UNBOUND = shutil.which("unbound", path="/usr/sbin:/usr/bin:/usr/local/sbin")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answers of unbound and of our resolver for every shape and every fault."""
    if UNBOUND is None:
        pytest.skip("unbound is not installed: sudo apt-get install unbound")
    folder = tmp_path_factory.mktemp("unbound")
    script = Path(__file__).with_name("peers_in_namespace.py")
    unshare = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    shell = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, str(script), str(folder)]
    done = subprocess.run([*unshare, *shell], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def same(case: dict[str, Any]) -> bool:
    """Whether both gave the same code, the same records, and an SOA of the same zone."""
    return all(case["ours"].get(part) == case["unbound"].get(part) for part in ("rcode", "records", "soa"))


def test_unbound_and_our_resolver_agree_on_every_shape(seen: dict[str, Any]) -> None:
    """Addresses, aliases, chains, wide answers over TCP, empty non-terminals, negatives: the same from both."""
    assert [case for case in seen["shapes"] if not same(case)] == []
    outcomes = {case["unbound"]["rcode"] for case in seen["shapes"]}
    assert outcomes == {"NOERROR", "NXDOMAIN"}
    wide = next(case for case in seen["shapes"] if case["name"].startswith("wide."))
    assert len(wide["unbound"]["records"]) == 200


def test_unbound_and_our_resolver_agree_under_every_fault(seen: dict[str, Any]) -> None:
    """Each fault of the name servers and zones has the same outcome behind a real resolver as behind ours."""
    assert [case for case in seen["faults"] if not same(case)] == []
    outcomes = {case["unbound"]["rcode"] for case in seen["faults"]}
    assert outcomes == {"NOERROR", "NXDOMAIN", "SERVFAIL"}
    assert len({case["fault"]["fault"] for case in seen["faults"]}) >= 20


def test_delegation_removed_is_told_by_the_parent(seen: dict[str, Any]) -> None:
    """zoom-2025: unbound's NXDOMAIN carries the registry's SOA, not the zone's."""
    case = next(case for case in seen["faults"] if case["fault"]["fault"] == "delegation-removed")
    assert case["unbound"]["soa"] == ["com."]


def test_all_is_well_when_the_faults_are_gone(seen: dict[str, Any]) -> None:
    """After the last fault is undone and the caches are flushed both answer as at first."""
    assert same(seen["healed"])
    assert seen["healed"]["unbound"]["records"] == ["login.microsoftonline.com. A 192.0.2.10"]
