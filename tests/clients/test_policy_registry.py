"""Policies by name, of this package and of others; and how the sign-in of a client with a broken policy ends."""

from __future__ import annotations

import dataclasses
import signal
import sys
import threading
from pathlib import Path

import pytest
from ssosim_clients.failures import Failure, HttpFailure, Stage
from ssosim_clients.models import SignInState
from ssosim_clients.models.office import OFFICE
from ssosim_clients.policies import (
    POLICIES,
    Decision,
    Fail,
    Interactive,
    PolicyLoadError,
    RetryAfter,
    UnknownPolicyError,
    find_policy,
    list_policy_names,
)
from ssosim_clients.policies.guard import PolicyBrokenError, decide

from ssosim.testing import ClientEnvironment, ConformanceError, check_policy

PLUGIN = """
from ssosim_clients.policies import Fail, Hybrid

class Stern:
    def decide(self, stage, error, attempt, elapsed):
        return Fail(str(error))

PATIENT = Hybrid(budget=600)
NOTHING = 5
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package with policies, as pip installs it."""
    info = tmp_path / "policy_plugin-1.0.dist-info"
    info.mkdir()
    (tmp_path / "policy_plugin.py").write_text(PLUGIN, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: policy-plugin\nVersion: 1.0\n", encoding="utf-8")
    points = ["stern = policy_plugin:Stern", "patient = policy_plugin:PATIENT", "nothing = policy_plugin:NOTHING"]
    points += ["absent = policy_plugin:Absent", "fail-fast = policy_plugin:Stern"]
    text = "\n".join(["[ssosim.network_error_policies]", *points, ""])
    (info / "entry_points.txt").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "policy_plugin", raising=False)


def test_shipped_policies() -> None:
    """The shipped ones have names, and each keeps the contract."""
    assert set(POLICIES) >= {"swallow-and-retry", "prompt-at-once", "fail-fast", "retry-then-fallback", "hybrid"}
    for name, policy in POLICIES.items():
        assert find_policy(name) is policy
        check_policy(policy)


def test_near_matches() -> None:
    """The error for a mistyped name has the nearest name."""
    with pytest.raises(UnknownPolicyError, match="swallow-and-retry"):
        find_policy("swalow-and-retry")


@pytest.mark.usefixtures("installed")
def test_entry_points() -> None:
    """A class is called, an object is used as it is, and no package can replace a shipped policy."""
    assert {"stern", "patient"} <= set(list_policy_names())
    assert find_policy("stern").decide(Stage.MEX, HttpFailure(403), 1, 0.0) == Fail("HTTP 403")
    assert find_policy("patient").max_retry_time == 600  # type: ignore[attr-defined] - the plugin's own
    assert find_policy("fail-fast") is POLICIES["fail-fast"]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("name", "text"), [("nothing", "no method decide"), ("absent", "Absent")])
def test_broken_entry_points(name: str, text: str) -> None:
    """The error for a policy that cannot be loaded, or is no policy, has its entry point."""
    with pytest.raises(PolicyLoadError, match=f"{name}.*policy_plugin.*{text}"):
        find_policy(name)


class Raising:
    """A policy with a bug."""

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Raise."""
        raise KeyError(f"{stage}{error}{attempt}{elapsed}")


class Endless:
    """A policy that never returns and catches every Exception."""

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Never return."""
        while True:
            try:
                while stage or error or attempt or elapsed:
                    pass
            except Exception:  # noqa: S112, BLE001 - what a careless loop does
                continue


class Silent:
    """A policy without a return value."""

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Return nothing."""


class Moody:
    """A policy with state."""

    def __init__(self) -> None:
        self.asked = 0

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Decide differently each time."""
        self.asked += 1
        return Fail(f"{stage}{error}{attempt}{elapsed}{self.asked}")


class Boasting:
    """A policy that retries for longer than it says."""

    max_retry_time = 10.0

    def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
        """Retry twelve times, a second apart."""
        return RetryAfter(1.0) if attempt < 12 else Interactive(f"{stage}{error}{elapsed}")


@pytest.mark.parametrize(
    ("policy", "text"),
    [(Raising(), "raised KeyError"), (Endless(), "did not return within 1 s"), (Silent(), "returned None")],
    ids=["raising", "endless", "silent"],
)
def test_a_broken_policy_is_its_clients_failure(environment: ClientEnvironment, policy: object, text: str) -> None:
    """It ends that client's sign-in with an error that names the policy, and the other clients continue."""
    environment.remove_record()
    report = environment.play(dataclasses.replace(OFFICE, policy=policy).sign_in(environment.device()))  # type: ignore[arg-type]
    assert report is not None
    assert (report.state, report.stage) == (SignInState.FAILED, Stage.MEX)
    assert text in report.detail
    assert type(policy).__name__ in report.detail
    with pytest.raises(ConformanceError, match=text):
        check_policy(policy)  # type: ignore[arg-type] - that is the point


@pytest.mark.parametrize(
    ("policy", "text"), [(Moody(), "two decisions"), (Boasting(), "each 0 s: a retry begins at 11 s")]
)
def test_broken_promises(policy: Moody | Boasting, text: str) -> None:
    """A policy that keeps state, or a retry after the stated bound, is found by the check."""
    with pytest.raises(ConformanceError, match=text):
        check_policy(policy)


def test_the_time_limit_leaves_no_trace() -> None:
    """Handler and timer of the process are as before; a timer that was set before is not changed."""

    def own(_number: int, _frame: object) -> None:
        raise AssertionError("nobody's time is up")

    before = signal.signal(signal.SIGALRM, own)
    try:
        decide(Boasting(), Stage.MEX, HttpFailure(403), 1, 0.0)
        assert signal.getsignal(signal.SIGALRM) is own
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        signal.setitimer(signal.ITIMER_REAL, 500)
        decide(Boasting(), Stage.MEX, HttpFailure(403), 1, 0.0)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 400
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_another_thread_has_no_limit_but_works() -> None:
    """Outside the main thread Python cannot interrupt a loop: the policy is called without a time limit."""
    answers: list[Decision | PolicyBrokenError] = []
    thread = threading.Thread(target=lambda: answers.append(decide(Boasting(), Stage.MEX, HttpFailure(403), 1, 0.0)))
    thread.start()
    thread.join()
    assert answers == [RetryAfter(1.0)]
