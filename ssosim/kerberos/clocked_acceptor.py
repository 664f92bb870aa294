"""An acceptor of Negotiate tokens whose service has a clock of its own.

GSS-API reads the clock of its process. So while the service's clock is wrong, a process under libfaketime checks the
tokens, with the same key table and replay cache. It runs as a program: ``python -m ssosim.kerberos.clocked_acceptor
KEYTAB RCACHE`` reads questions and writes results, each after its length in four octets. It ends with its standard
input.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from ssosim.kerberos.faketime import build_clock_environment, find_libfaketime
from ssosim.kerberos.tickets import AcceptedToken, ChannelBindings, RefusedToken, TicketRefusal

if TYPE_CHECKING:  # needs GSS-API
    from ssosim.kerberos.acceptor import Acceptor

__all__ = ["ClockedAcceptor"]

_LENGTH = 4
_STOP_S = 2.0


class _Question(msgspec.Struct):
    """A token on its way between the processes, and what its TLS connection is."""

    token: bytes
    bindings: ChannelBindings | None = None


class _Result(msgspec.Struct):
    """A result on its way between the processes."""

    accepted: AcceptedToken | None = None
    refused: RefusedToken | None = None


class ClockedAcceptor:
    """Checks tokens with ``usual``, or in another process while ``read_offset`` returns another offset than 0.

    The offset is in seconds; positive: the service's clock is ahead. ``krb5_conf`` are the settings of that process.
    """

    def __init__(
        self, usual: Acceptor, keytab: Path, rcache: Path, krb5_conf: Path, read_offset: Callable[[], int]
    ) -> None:
        self._usual = usual
        self._arguments = [str(keytab), str(rcache)]
        self._krb5_conf = krb5_conf
        self._read_offset = read_offset
        self._process: subprocess.Popen[bytes] | None = None
        self._offset = 0

    def prepare(self) -> None:
        """End the process of a former offset. Raises ProgramMissingError where libfaketime is needed and missing."""
        offset = self._read_offset()
        if offset:
            find_libfaketime()
        if offset != self._offset:
            self.close()

    def _start(self, offset: int) -> None:
        environment = os.environ | build_clock_environment(offset)
        environment |= {"KRB5_CONFIG": str(self._krb5_conf), "PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C"}
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and paths of the lab
            [sys.executable, "-m", __spec__.name, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            process_group=0,
        )
        self._offset = offset

    def accept(self, token: bytes, bindings: ChannelBindings | None = None) -> AcceptedToken | RefusedToken:
        """Check one token, as ``Acceptor.accept``."""
        offset = self._read_offset()
        if not offset:
            return self._usual.accept(token, bindings)
        if offset != self._offset:
            self.close()
            self._start(offset)
        assert self._process is not None  # noqa: S101 - it was started with this offset
        try:
            assert self._process.stdin is not None  # noqa: S101 - a pipe
            assert self._process.stdout is not None  # noqa: S101 - a pipe
            _write(self._process.stdin, msgspec.json.encode(_Question(token, bindings)))
            result = msgspec.json.decode(_read(self._process.stdout), type=_Result)
        except (OSError, EOFError, msgspec.DecodeError):
            self.close()  # the next token starts another one
            text = "the process that checks tickets by another clock has ended"
            return RefusedToken("unknown", TicketRefusal.OTHER, text)
        found = result.accepted or result.refused
        assert found is not None  # noqa: S101 - one of them is there
        return found

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process, self._offset = self._process, None, 0
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write(stream: IO[bytes], data: bytes) -> None:
    stream.write(len(data).to_bytes(_LENGTH, "big") + data)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    """Read one message. Raises EOFError at the end."""
    size = stream.read(_LENGTH)
    data = stream.read(int.from_bytes(size, "big"))
    if len(size) < _LENGTH or len(data) < int.from_bytes(size, "big"):
        raise EOFError
    return data


def _serve(keytab: str, rcache: str) -> None:
    from ssosim.kerberos.acceptor import Acceptor  # noqa: PLC0415 - needs GSS-API, and only this program does

    acceptor = Acceptor(Path(keytab), Path(rcache))
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            question = msgspec.json.decode(_read(sys.stdin.buffer), type=_Question)
            result = acceptor.accept(question.token, question.bindings)
            sent = _Result(accepted=result) if isinstance(result, AcceptedToken) else _Result(refused=result)
            _write(sys.stdout.buffer, msgspec.json.encode(sent))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
