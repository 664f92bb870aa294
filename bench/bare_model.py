"""The reference of what is played in memory: the same model with nothing around it, and its signatures alone.

What the ports of a device gave is written down in one play. Then the model runs again on ports that only read that
back: no zones, no provider, no trace, no clock. What the provider cannot do without, an RSA signature for each token,
is measured beside it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from unittest import mock

from ssosim_clients.memory import Memory
from ssosim_clients.models import Model
from ssosim_clients.ports import Device

from ssosim.entra import SigningKey

__all__ = ["Recorded", "signatures_in", "signing_ms"]

_PORTS = ("resolver", "http", "kerberos", "user", "clock")


class _EndOfTapeError(BaseException):
    """The play ended here."""


class _Recording:
    """A port that writes down what it gives."""

    def __init__(self, port: object, tape: list[object]) -> None:
        self._port = port
        self._tape = tape

    def now(self) -> float:
        found: float = self._port.now()  # type: ignore[attr-defined]
        self._tape.append(found)
        return found

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, object]]:
        method, tape = getattr(self._port, name), self._tape

        async def call(*arguments: object) -> object:
            try:
                found = await method(*arguments)
            except Exception as error:
                tape.append(error)
                raise
            tape.append(found)
            return found

        return call


class _Reading:
    """A port that gives what was written down."""

    def __init__(self, tape: Iterator[object]) -> None:
        self._tape = tape

    def now(self) -> float:
        return next(self._tape)  # type: ignore[return-value]

    async def resolve(self, *_: object) -> object:
        found = next(self._tape, _EndOfTapeError)
        if isinstance(found, Exception):
            raise found
        if found is _EndOfTapeError:
            raise _EndOfTapeError
        return found

    reverse = request = negotiate_token = ntlm_token = prompt_password = sleep = resolve


@dataclasses.dataclass
class Recorded:
    """``model``, which writes down what it meets at every sign-in, so that it can meet it again."""

    model: Model
    tapes: list[tuple[Device, list[object]]] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    async def sign_in(self, device: Device) -> Any:
        """As the model does."""
        tape: list[object] = []
        self.tapes.append((device, tape))
        ports = {name: _Recording(getattr(device, name), tape) for name in _PORTS}
        return await self.model.sign_in(dataclasses.replace(device, **ports))  # type: ignore[arg-type]

    def again_ms(self) -> float:
        """Milliseconds of CPU for all sign-ins once more, with nothing around the model.

        Ends the benchmark if the model does not ask for all that was written down: then it has not done the same.
        """
        memory = Memory()
        began = time.process_time()
        left = 0
        for device, tape in self.tapes:
            left_on_tape = iter(tape)
            ports = dict.fromkeys(_PORTS, _Reading(left_on_tape))
            running = self.model.sign_in(dataclasses.replace(device, memory=memory, **ports))  # type: ignore[arg-type]
            try:
                running.send(None)
            except (StopIteration, _EndOfTapeError, RuntimeError):
                left += sum(1 for _ in left_on_tape)
        took = (time.process_time() - began) * 1e3
        if left:
            raise SystemExit(f"{self.name}: {left} answers of the ports were not asked for")
        return took


def signatures_in(play: Callable[[], object]) -> int:
    """How many signatures ``play`` makes."""
    with mock.patch.object(SigningKey, "sign", autospec=True, side_effect=SigningKey.sign) as sign:
        play()
    return sign.call_count


def signing_ms(key: SigningKey, times: int) -> float:
    """Milliseconds of CPU for so many signatures, which are all that a token cannot do without."""
    began = time.process_time()
    for number in range(times):
        key.sign(b"%300d" % number)
    return (time.process_time() - began) * 1e3
