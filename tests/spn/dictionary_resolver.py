"""A resolver whose answers are a dictionary, for rules that are asked without a device."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ssosim_clients.ports import DnsFailure, Family, Resolution

__all__ = ["DictionaryResolver", "answer", "run"]

_T = TypeVar("_T")


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Return the result of ``work``, which waits for nothing: no event loop is needed."""
    try:
        work.send(None)
    except StopIteration as end:
        result: _T = end.value
        return result
    raise AssertionError("waited for something")


def answer(name: str, *addresses: str, chain: tuple[str, ...] = ()) -> Resolution:
    """The answer for ``name``; ``chain`` are the targets of its CNAMEs."""
    return Resolution(name, chain[-1] if chain else name, addresses, chain)


@dataclass
class DictionaryResolver:
    """``answers`` by name; any other name is NXDOMAIN. ``asked`` are the questions, in their order."""

    answers: Mapping[str, Resolution]
    pointers: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Return the answer for ``name``. Raises DnsFailure."""
        del family
        self.asked.append(name)
        if name not in self.answers:
            raise DnsFailure("nxdomain", name)
        return self.answers[name]

    async def reverse(self, address: str) -> str | None:
        """Return the PTR name of ``address``."""
        self.asked.append(address)
        return self.pointers.get(address)
