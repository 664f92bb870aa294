"""Calls that have no effect until the test does one thing more: awaits them, or enters the block that they return.

A test that forgets it plays nothing, breaks nothing, or runs outside of the lab. It passes, although nothing was tried.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeVar

__all__ = ["Block", "Enterable", "UnusedCalls"]

_T = TypeVar("_T")


class Block(AbstractContextManager[_T]):
    """A context manager that knows whether it was entered."""

    def __init__(self, inner: AbstractContextManager[_T]) -> None:
        self._inner = inner
        self.was_entered = False

    def __enter__(self) -> _T:
        self.was_entered = True
        return self._inner.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return self._inner.__exit__(kind, error, traceback)


class Enterable(Protocol):
    """A context manager that knows whether it was entered."""

    was_entered: bool


_E = TypeVar("_E", bound=Enterable)


@dataclass(slots=True)
class _Play:
    """A coroutine of the test, ``outer``, which runs ``inner``; ``began`` and ``ended`` tell how far it has run."""

    call: str
    inner: Coroutine[object, object, object]
    outer: Coroutine[object, object, object] | None = None
    began: bool = False
    ended: bool = False


class UnusedCalls:
    """The calls of one test that need an ``await`` or a ``with``."""

    def __init__(self) -> None:
        self._plays: list[_Play] = []
        self._blocks: list[tuple[str, Enterable]] = []

    def add_coroutine(self, call: str, coroutine: Coroutine[object, object, _T]) -> Coroutine[object, object, _T]:
        """Note a coroutine, which must be awaited, and return one that runs it; ``call`` is the text of the call."""
        play = _Play(call, coroutine)
        self._plays.append(play)

        async def run() -> _T:
            __tracebackhide__ = True
            play.began = True
            try:
                return await coroutine
            finally:
                play.ended = True

        play.outer = run()
        return play.outer

    def add_block(self, call: str, block: _E) -> _E:
        """Note a context manager, which must be entered, and return it; ``call`` is the text of the call."""
        self._blocks.append((call, block))
        return block

    def close(self) -> list[str]:
        """Return a sentence for each call without effect, and forget all; coroutines that did not begin are closed.

        A play in a task that still runs at the end of the test is one that nobody awaits.
        """
        sentences = []
        for play in self._plays:
            if not play.began:
                for each in (play.outer, play.inner):
                    if each is not None:
                        each.close()
            if not play.ended:
                sentences.append(f"{play.call} was not awaited, so nothing was played")
        sentences += [f"{call} has no effect without `with`" for call, block in self._blocks if not block.was_entered]
        self._plays.clear()
        self._blocks.clear()
        return sentences
