"""Each device's queue gets the device codes of its client."""

import asyncio

from ssosim.lab.scripted_user.device_codes import DeviceCodeQueues
from ssosim.trace import DeviceCodeIssued, Trace


def device_code_event(code):
    """Build the event of a device code."""
    return DeviceCodeIssued(client_id="app", user_code=code)


async def test_two_programs_with_one_name_have_separate_queues():
    """Two programs under one ``--as``: when one ends, the other's queue still gets the next code."""
    trace = Trace()
    codes = DeviceCodeQueues(trace)
    codes.register("100.64.1.1", "twin")
    codes.register("100.64.1.2", "twin")
    first = asyncio.create_task(codes.wait_for_code("100.64.1.1", 30))
    await asyncio.sleep(0)
    codes.unregister("100.64.1.1")
    assert await first is None, "the device was released"
    assert await codes.wait_for_code("100.64.1.1", 30) is None
    assert await codes.wait_for_code("100.64.1.2", 0.01) == "", "no code yet"
    trace.record("twin", device_code_event("ABCD"))
    trace.record("other", device_code_event("WXYZ"))
    assert await codes.wait_for_code("100.64.1.2", 1) == "ABCD"
    assert await codes.wait_for_code("100.64.1.2", 0.01) == ""
