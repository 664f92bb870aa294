"""The clock that counts how long a client would wait, and does not wait."""

import asyncio

import pytest

from ssosim.clock import ManualClock
from ssosim.lab.model_devices.waiting import CountingClock, ResponseTimer
from ssosim.trace import Trace
from ssosim.trace.events import DnsAnswered


def _dropped(name: str) -> DnsAnswered:
    return DnsAnswered(name=name, type="A", rcode="DROPPED")


async def test_the_time_of_the_machine_is_no_part_of_a_lost_response():
    """A response that never comes costs its whole limit, however long the lab took to drop it."""
    machine, trace = ManualClock(1_000.0), Trace()
    clock = CountingClock(machine)
    timer = ResponseTimer(trace, "office", clock)

    async def wait_for_a_lost_response() -> None:
        async with timer.limit(5.0, lambda event: isinstance(event, DnsAnswered)):
            machine.advance(0.3)  # a busy machine
            trace.record("office", _dropped("autologon.example"))
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wait_for_a_lost_response()
    timer.close()
    assert clock.waited == 5.0


async def test_waits_add_up_and_nothing_else_does():
    """The clock starts at the present time, and advances by sleeps and held answers only."""
    machine = ManualClock(1_000.0)
    clock = CountingClock(machine)
    machine.advance(7.0)
    await clock.sleep(2.0)
    await clock.sleep(-1.0)
    clock.hold(9.0, limit_s=5.0)
    assert (clock.waited, clock.now()) == (7.0, 1_007.0)


@pytest.mark.parametrize(("seconds", "late"), [(4.9, False), (5.0, True), (60.0, True)])
def test_an_answer_at_the_limit_is_late(seconds, late):
    """An answer that is held for the whole limit comes too late."""
    clock = CountingClock(ManualClock(0.0))
    clock.hold(seconds, limit_s=5.0)
    assert clock.is_late is late
