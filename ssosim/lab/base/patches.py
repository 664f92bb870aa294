"""Replace functions of other modules as long as somebody needs the replacements."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Patches", "Replace"]

Replace = Callable[[Any, str, Callable[[Any], Any]], None]
"""``replace(owner, name, wrap)``."""


class Patches:
    """Replacements of functions. ``patch`` makes them: it calls ``replace(owner, name, wrap)`` for each.

    ``wrap`` gets the original function and returns the replacement.
    """

    def __init__(self, patch: Callable[[Replace], None]) -> None:
        self._patch = patch
        self._users = 0
        self._lock = threading.Lock()
        self._undo = contextlib.ExitStack()

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Keep the replacements in place for the length of the block. The last of several blocks removes them."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._patch(self._replace)
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._undo.close()

    def _replace(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        before = vars(owner).get(name)  # not by getattr, which unpacks a static method
        original = getattr(owner, name)
        replacement = functools.wraps(original)(wrap(original))
        setattr(owner, name, staticmethod(replacement) if isinstance(before, staticmethod) else replacement)
        if before is None:
            self._undo.callback(delattr, owner, name)
        else:
            self._undo.callback(setattr, owner, name, before)
