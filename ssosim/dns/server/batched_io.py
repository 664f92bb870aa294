"""Many datagrams with one system call each way: Linux's recvmmsg and sendmmsg, by way of ctypes.

The kernel writes addresses and datagrams into slots of one piece of memory; an answer takes the place of its query, all
but the id, and leaves from there to the address that is there. So no address is ever made into Python objects, and no
answer is put together. Sources: recvmmsg(2), sendmmsg(2), and the layout of msghdr and sockaddr in Linux's headers.
"""

from __future__ import annotations

import functools
import mmap
import socket
import sys
from collections.abc import Callable

from ssosim.dns.server.reply_cache import Ready
from ssosim.dns.server.tcp import Answering, Peer, Send
from ssosim.trace import ClientEvent

try:
    import ctypes
except ImportError:  # a Python that was built without libffi
    ctypes = None  # type: ignore[assignment]

__all__ = ["Batches", "Slots", "usable"]

SLOTS = 64
SLOT = 4160
"""Octets of a slot: a name, and a datagram of at least 4,096."""

HEADER, VECTORS = 64, 32
"""Octets of a struct mmsghdr, and of two struct iovec, on a 64-bit machine."""

ID = 2
NAME = {socket.AF_INET: 16, socket.AF_INET6: 28}
"""Octets of a socket address: family and port are the first four."""


class Slots:
    """Room for ``SLOTS`` datagrams that come to sockets of one family, and for their answers.

    A slot is the id, the sender's address, and the rest of the datagram, next to one another: address (without its
    port) and rest together are a key. Headers for receiving and for sending point at the same places.
    """

    def __init__(self, family: socket.AddressFamily) -> None:
        name = NAME[family]
        headers, vectors = 2 * SLOTS * HEADER, 2 * SLOTS * VECTORS
        self.memory = mmap.mmap(-1, headers + vectors + SLOTS * SLOT, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        words = memoryview(self.memory).cast("Q")
        slots = range(headers + vectors + 8, headers + vectors + SLOTS * SLOT, SLOT)
        for number in range(2 * SLOTS):
            slot = slots[number % SLOTS]
            header, vector = number * HEADER // 8, (headers + number * VECTORS) // 8
            words[header : header + 4] = _words(base + slot, name, base + vector * 8, 2)
            words[vector : vector + 4] = _words(base + slot - ID, ID, base + slot + name, SLOT - 8 - name)
        self.incoming = base
        self.outgoing = base + SLOTS * HEADER
        self.received = memoryview(self.memory).cast("I")[56 // 4 : SLOTS * HEADER // 4 : HEADER // 4]
        self.sending = words[(headers + SLOTS * VECTORS) // 8 + 3 : (headers + vectors) // 8 : VECTORS // 8]
        self.names = [*slots]
        self.keys = [slot + 4 for slot in slots]
        self.tails = [slot + name for slot in slots]
        self.places = [*zip(range(SLOTS), self.keys, self.tails, strict=True)]
        self.key = name - 4 - ID
        """How much longer a key is than its datagram."""

    def query(self, number: int, size: int) -> bytes:
        """The datagram of ``size`` octets in a slot."""
        name, tail = self.names[number], self.tails[number]
        return (self.memory[name - ID : name] + self.memory[tail : tail + size])[:size]

    def peer(self, number: int) -> Peer:
        """Who sent what is in a slot, as Python's own sockets say it."""
        name = self.names[number]
        port = int.from_bytes(self.memory[name + 2 : name + 4], "big")
        if self.tails[number] - name == NAME[socket.AF_INET]:
            return address(self.memory[name + 4 : name + 8]), port
        flow, raw, scope = name + 4, name + 8, name + 24
        zone = int.from_bytes(self.memory[scope : scope + 4], sys.byteorder)
        text = address(self.memory[raw:scope])
        return with_zone(text, zone), port, int.from_bytes(self.memory[flow:raw], "big"), zone


class Batches:
    """Reads one UDP socket and answers: what is ready at once and together, everything else by ``answer``."""

    def __init__(self, datagrams: socket.socket, local: str, slots: Slots, ready: Ready, by_the_book: _Book) -> None:
        self._descriptor = datagrams.fileno()
        self._local = local
        self._slots = slots
        self._ready = ready
        self._answer, self._send = by_the_book
        self._receive_many, self._send_many = _calls()

    def read(self) -> None:
        """Answer what has arrived, up to a batch of it."""
        slots, ready = self._slots, self._ready
        count = self._receive_many(self._descriptor, slots.incoming, SLOTS, 0, None)
        if count <= 0:
            return
        memory, sending, beyond = slots.memory, slots.sending, slots.key
        replies, this_round, now = ready.replies, *ready.begin()
        leaving: list[ClientEvent] = []
        first = 0
        for (number, key, at), size in zip(slots.places, slots.received[:count].tolist(), strict=False):
            reply = replies.get(memory[key : key + beyond + size])
            if reply is not None:
                tail, length, asker, meter, caused = reply
                if asker.round == this_round or ready.is_still(asker):
                    meter[0] += 1
                    meter[1] = now
                    leaving.append(caused)
                    memory[at : at + length] = tail
                    sending[number] = length
                    continue
            self._leave(first, leaving)
            first = number + 1
            query, peer = slots.query(number, size), slots.peer(number)
            self._answer(query, peer, self._local, "udp", self._send)
            this_round, now = ready.begin()
            ready.learn(memory[key : key + beyond + size], query, peer[0])
        self._leave(first, leaving)

    def _leave(self, first: int, leaving: list[ClientEvent]) -> None:
        """Write down and send the answers in the slots from ``first`` on."""
        if not leaving:
            return
        count = len(leaving)
        self._ready.write_down(leaving)
        leaving.clear()
        while count:
            sent = self._send_many(self._descriptor, self._slots.outgoing + first * HEADER, count, 0)
            # An answer that cannot be sent, as to a client that has gone, is lost, as networks lose them.
            sent = max(sent, 1)
            first, count = first + sent, count - sent


_Book = tuple[Answering, Send]
_Call = Callable[..., int]


@functools.cache
def usable() -> bool:
    """Whether this machine has those calls and lays its structures out as it is done here: seen by trying."""
    if ctypes is None or sys.platform != "linux" or sys.byteorder != "little" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    words = (b"id and rest", b"id and more of it")
    try:
        receive, send = _calls()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.bind(("127.0.0.1", 0))
            here = probe.getsockname()
            for word in words:
                probe.sendto(word, here)
            slots = Slots(socket.AF_INET)
            if receive(probe.fileno(), slots.incoming, SLOTS, 0, None) != len(words):
                return False
            for number, word in enumerate(words):
                if (slots.query(number, slots.received[number]), slots.peer(number)) != (word, here):
                    return False
                slots.sending[number] = len(word) - ID
            sent = send(probe.fileno(), slots.outgoing, len(words), 0)
            return sent == len(words) and all(probe.recv(SLOT) == word for word in words)
    except (OSError, AttributeError):
        return False


@functools.cache
def _calls() -> tuple[_Call, _Call]:
    """``recvmmsg(descriptor, headers, count, flags, None)`` and ``sendmmsg(descriptor, headers, count, flags)``."""
    library = ctypes.CDLL(None)
    receive, send = library.recvmmsg, library.sendmmsg
    send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    receive.argtypes = (*send.argtypes, ctypes.c_void_p)
    return receive, send


def _words(*numbers: int) -> memoryview[int]:
    """Numbers as consecutive 64-bit words."""
    return memoryview(b"".join(number.to_bytes(8, sys.byteorder) for number in numbers)).cast("Q")


@functools.lru_cache(maxsize=4096)
def address(raw: bytes) -> str:
    """An IP address as text."""
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def with_zone(text: str, zone: int) -> str:
    """An IPv6 address with its zone, as getnameinfo writes it: a link has its name."""
    if not zone:
        return text
    try:
        return f"{text}%{socket.if_indextoname(zone)}"
    except OSError:
        return f"{text}%{zone}"
