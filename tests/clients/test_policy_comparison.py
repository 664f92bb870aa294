"""Three policies under short and long faults: no single one wins, the hybrid does (TMS9-028)."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st
from ssosim_clients.models import State
from ssosim_clients.models.office import OFFICE
from ssosim_clients.policies import Hybrid, Policy, PromptAtOnce, SwallowAndRetry

from ssosim.testing import PASSWORD, World

SHORT = st.floats(5, 60)
LONG = st.floats(600, 9 * 3600)
HOUR = 3600.0


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a fault cost one user: seconds without a sign-in, and interruptions by a prompt."""

    waited: float
    prompts: int

    @property
    def total(self) -> float:
        """In seconds; a prompt that was not needed costs two minutes of attention beside the typing."""
        return self.waited + 120 * self.prompts


def cost(policy: Policy, fault: float, change: object = World.remove_record) -> Cost:
    """Office with ``policy`` through a fault of ``fault`` seconds, somebody at the keyboard."""
    assert callable(change)
    world = World(person=[PASSWORD] * 9)
    change(world)
    world.after(fault, World.restore)
    began = world.now
    belief = world.play(dataclasses.replace(OFFICE, policy=policy).sign_in(world.device()), seconds=24 * HOUR)
    assert belief is not None
    assert belief.state in (State.SILENT, State.INTERACTIVE)
    return Cost(world.now - began, len(world.seen("prompt")))


@settings(max_examples=40)
@given(SHORT)
def test_short_faults(fault: float) -> None:
    """5 to 60 s: prompting is useless there and swallowing right; the hybrid asks nobody and is back sooner."""
    hybrid, swallow, prompt = cost(Hybrid(), fault), cost(SwallowAndRetry(), fault), cost(PromptAtOnce(), fault)
    assert (hybrid.prompts, swallow.prompts, prompt.prompts) == (0, 0, 1)
    assert hybrid.waited <= fault + Hybrid().longest + 1
    assert hybrid.total <= swallow.total + Hybrid().longest + 1
    assert hybrid.total < prompt.total


@settings(max_examples=20)
@given(LONG, st.sampled_from([World.remove_record, World.put_cname]))
def test_long_faults(fault: float, change: object) -> None:
    """Ten minutes to nine hours: swallowing waits it out, whether the name is gone or refused; the hybrid asks once."""
    hybrid, swallow = cost(Hybrid(), fault, change), cost(SwallowAndRetry(), fault, change)
    assert swallow.waited >= fault
    assert hybrid.prompts == 1
    assert hybrid.waited <= Hybrid().patience + 30, "patience, and the typing"
    assert hybrid.total < swallow.total


@settings(max_examples=20)
@given(SHORT, LONG)
def test_hybrid_beats_both(short: float, long: float) -> None:
    """A dozen short faults and one long one, a year's share: the hybrid costs less than either of the others."""
    totals = {
        type(policy).__name__: 12 * cost(policy, short).total + cost(policy, long).total
        for policy in (Hybrid(), SwallowAndRetry(), PromptAtOnce())
    }
    assert min(totals, key=totals.__getitem__) == "Hybrid", totals


def test_swallowing_alone_is_right_for_a_blip_and_wrong_for_an_outage() -> None:
    """The same policy: no prompt and back within its round at 30 s, stuck for the whole of eight hours (TMS9-028)."""
    assert cost(SwallowAndRetry(), 5).total < cost(PromptAtOnce(), 5).total
    assert cost(SwallowAndRetry(), 8 * HOUR).total > 100 * cost(PromptAtOnce(), 8 * HOUR).total
