"""Random bytes for ids and nonces, from the operating system.

A sign-in needs about a dozen blocks of them. They are read many at a time, since a system call for each costs more than
the cryptography that uses them. No block is given twice: a child process after a fork starts anew, and taking one is a
single operation of the interpreter, so that threads cannot get the same one.
"""

from __future__ import annotations

import os

__all__ = ["BLOCK", "take_random_block"]

BLOCK = 16
"""Bytes of a block: those of a GUID, and more than those of a nonce of AES-GCM."""
_READ_AT_ONCE = 256

_blocks: list[bytes] = []
os.register_at_fork(after_in_child=_blocks.clear)


def take_random_block() -> bytes:
    """Return ``BLOCK`` random bytes that are fit for keys and nonces (``os.urandom``)."""
    try:
        return _blocks.pop()
    except IndexError:
        data = os.urandom(BLOCK * _READ_AT_ONCE)
        _blocks.extend(data[start : start + BLOCK] for start in range(BLOCK, len(data), BLOCK))
        return data[:BLOCK]
