"""Tests that could not fail, by what they forgot: the plugin fails them."""

NO_EFFECT = {
    "a play that a test does not await": (
        "async def test_it(sso_play):\n    sso_play('feb-2025', 'office')",
        "sso_play('feb-2025', ...) was not awaited, so nothing was played",
    ),
    "a play whose coroutine is taken for its result": (
        "def test_it(sso_play):\n    assert sso_play('feb-2025')",
        "sso_play('feb-2025', ...) was not awaited, so nothing was played",
    ),
    "a play in a task that nobody awaits": (
        "async def test_it(sso_play):\n    assert asyncio.ensure_future(sso_play('feb-2025'))",
        "sso_play('feb-2025', ...) was not awaited, so nothing was played",
    ),
    "a fault without its block": (
        "def test_it(sso_lab):\n    sso_lab.broken(ssosim.faults.NameRemoved(name='{autologon}'))",
        "sso_lab.broken(name-removed) has no effect without `with`",
    ),
    "a device without its block": (
        "def test_it(sso_lab):\n    sso_lab.device('desk-1', name='mine')",
        "sso_lab.device('desk-1', name='mine') has no effect without `with`",
    ),
}
"""For each mistake a test that would pass, and what the plugin says of it."""

ALWAYS_TRUE = {
    "a run": ("played", "a run is neither true nor false"),
    "a result": ("played.phase('cname')", "a result is neither true nor false"),
    "a verdict": ("played.phase('cname').verdict", "a verdict is neither true nor false"),
    "an outcome": ("played.phase('cname').outcome", "the outcome 'refused' is neither true nor false"),
    "another text": ("played.phase('cname').outcome != 'prompted'", "'prompted' is not an outcome; expected one of: "),
    "capital letters": ("played.phase('cname').outcome not in ('Refused', 'failed')", "'Refused' is not an outcome"),
}


def test_a_call_without_effect_fails_the_test(project):
    """A play that is not awaited, and a block that is not entered: the test fails, and a sentence says why."""
    bodies = [body.replace("test_it", f"test_{number}") for number, (body, _) in enumerate(NO_EFFECT.values())]
    project.write("\n".join(["import asyncio", "import ssosim.faults", *bodies]) + "\n")
    session = project.run()
    assert session.counts == {"failed": len(NO_EFFECT)}
    for _, sentence in NO_EFFECT.values():
        assert sentence in session.output


def test_an_assertion_that_is_always_true_fails_the_test(project):
    """Truth of a run, a result, a verdict or an outcome, and unequal to no outcome: an error that says what to do."""
    lines = [
        f"def test_{number}(played):\n    assert {expression}"
        for number, (expression, _) in enumerate(ALWAYS_TRUE.values())
    ]
    fixture = (
        "import pytest\n@pytest.fixture\ndef played(sso_play_sync):\n    return sso_play_sync('feb-2025', 'office')"
    )
    project.write("\n".join([fixture, *lines]) + "\n")
    session = project.run()
    assert session.counts == {"failed": len(ALWAYS_TRUE)}
    for _, sentence in ALWAYS_TRUE.values():
        assert sentence in session.output


def test_calls_that_are_awaited_and_entered_pass(project):
    """A play in a task, two at the same time, blocks by an ExitStack, a device that is entered twice."""
    project.write("""
    import asyncio
    import contextlib

    import pytest

    from ssosim.faults import NameRemoved
    from ssosim.testing import IdleFaultWarning

    async def test_plays(sso_play):
        task = asyncio.create_task(sso_play("short-blip", "office"))
        both = await asyncio.gather(task, asyncio.wait_for(sso_play("short-blip", "office"), 60))
        assert len(both) == 2

    def test_blocks(sso_lab):
        with contextlib.ExitStack() as stack:
            device = stack.enter_context(sso_lab.device("desk-1", name="mine"))
        with device:
            pass
        with pytest.warns(IdleFaultWarning), sso_lab.broken(NameRemoved(name="{autologon}")):
            pass
    """)
    assert project.run().counts == {"passed": 2}


def test_a_test_that_fails_has_one_failure(project):
    """A test that fails before its await reports its own failure only."""
    project.write("""
    async def test_it(sso_play):
        run = sso_play("feb-2025")
        raise ZeroDivisionError("of mine")
    """)
    session = project.run()
    assert session.counts == {"failed": 1}
    assert "of mine" in session.output
    assert "was not awaited" not in session.output


def test_the_verdict_on_a_device_that_ran_no_code_is_an_error(project):
    """A verdict before any block would judge nothing; a block without a fault is the healthy row of a table."""
    project.write("""
    import pytest

    from ssosim.lab.base.errors import LabInputError

    def test_it(sso_lab):
        device = sso_lab.device("desk-1")
        with pytest.raises(LabInputError, match="no code ran on this device"):
            device.verdict()
        with sso_lab.broken(), device:
            pass
        assert device.verdict().outcome == "stalled"
    """)
    assert project.run().counts == {"passed": 1}
