"""A full disk or a kill at each step of writing: ledger and zones agree, and what was acknowledged is there."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest_ops import Office, change

from ssosim.changes import ledger as ledger_module
from ssosim.changes.change_control import ChangeControl
from ssosim.changes.ledger import Ledger, LedgerError
from ssosim.changes.operations import PutRecords
from ssosim.dns import ZoneSet, ZoneStore

STEPS = ("open", "write", "fsync", "replace", "close", "unlink", "mkdir")
MOST = 60


@contextmanager
def trouble(when: Callable[[int], bool], strike: Callable[[str, tuple[Any, ...]], None]) -> Iterator[list[str]]:
    """Every system call of the ledger is counted; those for which ``when`` says so meet ``strike`` instead."""
    met: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            real = getattr(os, name)

            def call(*given: Any, _name: str = name, _real: Any = real, **more: Any) -> Any:
                met.append(_name)
                if when(len(met)):
                    strike(_name, given)
                return _real(*given, **more)

            patch.setattr(os, name, call)
        yield met


def put(number: int) -> Any:
    """A change that adds a name of that number."""
    return change(PutRecords(name=f"n{number}.microsoft.com", type="A", values=("192.0.2.1",)), title=f"n{number}")


def names_in(zones: ZoneSet) -> set[str]:
    """The names that changes have added."""
    found = {rrset.name.to_text().split(".")[0] for zone in zones.zones.values() for rrset in zone.rrsets()}
    return {name for name in found if name in {"n1", "n2"}}


def full(_: str, __: tuple[Any, ...]) -> None:
    """The disk is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def agrees(control: ChangeControl, store: ZoneStore, zones: ZoneSet) -> None:
    """What a start now would recover is what is in force."""
    other = ZoneStore(zones)
    recovered = ChangeControl(other, Ledger(control.ledger.folder))
    recovered.recover()
    assert other.current == store.current
    assert recovered.desired == control.desired


@pytest.mark.parametrize("action", ["apply", "rollback"])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from-then-on"])
def test_a_full_disk_at_each_step(zones: ZoneSet, tmp_path: Path, action: str, lasting: bool):
    """ENOSPC at the n-th system call, once or from then on: refused with nothing changed, or done; never in between."""
    outcomes = set()
    for step in range(1, MOST):
        store = ZoneStore(zones)
        control = ChangeControl(store, Ledger(tmp_path / f"{action}-{lasting}-{step}"))
        control.apply(put(1))
        before, entries = store.current, control.ledger.entries()
        with trouble(lambda n, step=step: n >= step if lasting else n == step, full) as met:
            try:
                control.apply(put(2)) if action == "apply" else control.rollback()
                done = True
            except LedgerError:
                done = False
        if not done:
            assert store.current is before
            assert control.ledger.entries() == entries
        else:
            assert names_in(store.current) == ({"n1", "n2"} if action == "apply" else set())
        agrees(control, store, zones)
        control.apply(put(2)) if "n2" not in names_in(store.current) else control.rollback()
        agrees(control, store, zones)
        outcomes.add(done)
        if len(met) < step:
            break
    else:
        pytest.fail("the steps do not end")
    assert outcomes == {True, False}


@pytest.mark.parametrize("action", ["apply", "rollback"])
def test_a_kill_at_each_step(zones: ZoneSet, tmp_path: Path, action: str):
    """Kill -9 in place of the n-th system call, half a write done: a start finds the state before or after, whole."""
    found = set()
    for step in range(1, MOST):
        folder = tmp_path / f"{action}-{step}"
        store = ZoneStore(zones)
        control = ChangeControl(store, Ledger(folder))
        control.apply(put(1))

        def die(name: str, given: tuple[Any, ...]) -> None:
            if name == "write":
                REAL_WRITE(given[0], bytes(given[1])[: len(given[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if child == 0:
            try:
                with trouble(lambda n, step=step: n == step, die):
                    control.apply(put(2)) if action == "apply" else control.rollback()
                os._exit(0)
            finally:
                os._exit(9)
        acknowledged = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        after = ZoneStore(zones)
        recovered = ChangeControl(after, Ledger(folder))
        recovered.recover()
        done = {"n1", "n2"} if action == "apply" else set()
        assert names_in(after.current) in ({"n1"}, done)
        assert names_in(after.current) == done or not acknowledged
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
        assert not recovered.ledger.is_torn()
        found.add(frozenset(names_in(after.current)))
        recovered.apply(put(3))
        if acknowledged:
            break
    else:
        pytest.fail("the steps do not end")
    assert len(found) == 2


REAL_WRITE = os.write


def test_a_torn_end_is_tolerated_and_known(office: Office):
    """With a lost end of the list, the complete entries before it count, ``is_torn`` is true, and new entries work."""
    for number in (1, 2):
        office.control.apply(put(number))
    path = office.control.ledger.folder / ledger_module._LIST
    text, entries = path.read_bytes(), office.control.ledger.entries()
    assert not office.control.ledger.is_torn()
    second = text.index(b"\n", 2) + 1
    for cut in (3, second - 2, second, second + 9, len(text) - 3):
        path.write_bytes(text[:cut])
        kept = office.control.ledger.entries()
        assert office.control.ledger.is_torn()
        assert kept == entries[: len(kept)]
        assert len(kept) >= (cut >= second) + (cut >= len(text) - 3)
    office.control.apply(put(3))
    assert not office.control.ledger.is_torn()


def test_another_estate_is_no_place_for_the_ledger(office: Office, zones: ZoneSet):
    """Zones that the ledger did not begin with are left alone: recovering would put another estate in their place."""
    office.control.apply(put(1))
    other = ZoneStore(ZoneSet.build([zone for zone in zones.zones.values() if "fabrikam" not in str(zone.origin)]))
    before = other.current
    with pytest.raises(LedgerError, match="other zones than those of this estate"):
        ChangeControl(other, Ledger(office.control.ledger.folder)).recover()
    assert other.current is before
