"""Run a command with some system calls refused (EPERM), as the default profiles of Docker and of AppArmor refuse them.

    python tests/lab/refused_calls.py unshare,mount COMMAND...

Sources: seccomp(2), prctl(2), "Seccomp security profiles for Docker". The numbers are those of x86-64 and of arm64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

_NUMBERS = {
    "x86_64": {"mount": 165, "unshare": 272, "setns": 308},
    "aarch64": {"mount": 40, "unshare": 97, "setns": 268},
}
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUALS, _RETURN = 0x20, 0x15, 0x06
_REFUSE, _ALLOW = 0x00050000 | errno.EPERM, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def refuse_calls(names: list[str]) -> None:
    """Refuse these system calls in this process and its children. Raises OSError where seccomp is not available."""
    numbers = _NUMBERS[platform.machine()]
    code = struct.pack("HBBI", _LOAD, 0, 0, 0)
    for name in names:
        code += struct.pack("HBBI", _EQUALS, 0, 1, numbers[name]) + struct.pack("HBBI", _RETURN, 0, 0, _REFUSE)
    code += struct.pack("HBBI", _RETURN, 0, 0, _ALLOW)
    buffer = ctypes.create_string_buffer(code)
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    refuse_calls(sys.argv[1].split(","))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command of the test
