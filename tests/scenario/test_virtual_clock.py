"""Time that jumps."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ssosim.clock import VirtualClock


async def test_hours_pass_in_a_moment():
    """With every client asleep the clock jumps; at the end it stands exactly where it was told to run to."""
    clock, woke = VirtualClock(1000.0), []

    async def client():
        for _ in range(3):
            await clock.sleep(3600)
            woke.append(clock.now())

    task = clock.start(client())
    async with asyncio.timeout(60):
        await clock.run_until(1000 + 9000)
    assert (woke, clock.now()) == ([4600.0, 8200.0], 10000.0)
    await clock.run_until(20000)
    assert task.done()


async def test_time_stands_while_a_client_waits_for_the_network():
    """A real wait of milliseconds takes no virtual time."""
    clock, seen = VirtualClock(0.0), []

    async def slow():
        await asyncio.sleep(0.03)
        seen.append(clock.now())

    async def sleeper():
        await clock.sleep(1)
        seen.append(clock.now())

    clock.start(slow())
    clock.start(sleeper())
    await clock.run_until(10)
    assert seen == [0.0, 1.0]


@given(st.lists(st.floats(0, 1000), max_size=20))
def test_sleepers_wake_in_the_order_of_their_times(pauses):
    """Earlier times first; equal times in the order in which the clients fell asleep."""

    async def scene():
        clock, woke = VirtualClock(0.0), []

        async def client(number, pause):
            await clock.sleep(pause)
            woke.append((clock.now(), number))

        for number, pause in enumerate(pauses):
            clock.start(client(number, pause))
        await clock.run_until(2000)
        return woke

    assert asyncio.run(scene()) == sorted((pause, number) for number, pause in enumerate(pauses))


async def test_a_client_that_is_cancelled_does_not_stop_the_clock():
    """Before its first step, asleep, or just woken: a client that is cancelled no longer counts as busy."""
    clock = VirtualClock(0.0)

    async def client():
        await clock.sleep(10)
        await clock.sleep(10)

    never_began = clock.start(client())
    never_began.cancel()
    asleep = clock.start(client())
    woken = clock.start(client())
    await clock.run_until(5)
    asleep.cancel()
    async with asyncio.timeout(60):
        await clock.run_until(10)
        woken.cancel()
        await clock.run_until(100)
    results = await asyncio.gather(never_began, asleep, woken, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 3
    assert clock.now() == 100


async def test_a_client_that_breaks_does_not_stop_the_clock():
    """An exception ends the client and not the play; its task holds it."""
    clock = VirtualClock(0.0)

    async def client():
        await clock.sleep(1)
        raise ValueError("broke")

    task = clock.start(client())
    async with asyncio.timeout(60):
        await clock.run_until(10)
    assert isinstance(task.exception(), ValueError)
