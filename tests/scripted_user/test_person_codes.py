"""Which person learns of which device code."""

import asyncio

from ssosim.lab.scripted_user.device_codes import ShownCodes
from ssosim.trace import DeviceCodeIssued, Trace


def issued(code):
    """The event of a device code."""
    return DeviceCodeIssued(client_id="app", user_code=code)


async def test_the_end_of_one_of_two_programs_of_a_name_leaves_the_other_its_codes():
    """Two programs under one ``--as``: when one ends, the other's person still waits, and learns of the next code."""
    trace = Trace()
    codes = ShownCodes(trace)
    codes.expect("100.64.1.1", "twin")
    codes.expect("100.64.1.2", "twin")
    first = asyncio.create_task(codes.next("100.64.1.1", 30))
    await asyncio.sleep(0)
    codes.forget("100.64.1.1")
    assert await first is None, "its device is gone: nobody asks again"
    assert await codes.next("100.64.1.1", 30) is None
    assert await codes.next("100.64.1.2", 0.01) == "", "none yet: ask again"
    trace.record("twin", issued("ABCD"))
    trace.record("other", issued("WXYZ"))
    assert await codes.next("100.64.1.2", 1) == "ABCD"
    assert await codes.next("100.64.1.2", 0.01) == ""
