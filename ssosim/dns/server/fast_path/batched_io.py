"""UDP in batches: many datagrams with one system call in each direction (Linux recvmmsg and sendmmsg through ctypes).

The kernel writes addresses and datagrams into slots of one block of memory. The answer is written into the slot of its
query, after the id, and is sent from there to the address in the slot. So no Python object is made for an address, and
no answer is copied together. Sources: recvmmsg(2), sendmmsg(2), and the layout of msghdr and sockaddr in the headers of
Linux.
"""

from __future__ import annotations

import functools
import mmap
import socket
import sys
from collections.abc import Callable

from ssosim.dns.server.datagrams import MAX_DATAGRAM
from ssosim.dns.server.fast_path.reply_cache import ReplyCache
from ssosim.dns.server.tcp import Peer, QueryHandler, Send
from ssosim.trace import ClientEvent

try:
    import ctypes
except ImportError:  # a Python that was built without libffi
    ctypes = None  # type: ignore[assignment]

__all__ = ["BatchReader", "Slots", "Work", "is_supported"]

SLOTS = 64
SLOT = 4160
"""Octets of a slot: a socket address, and a datagram of at most ``MAX_DATAGRAM`` octets."""

HEADER, VECTORS = 64, 32
"""Octets of a struct mmsghdr and of two struct iovec on a 64-bit machine."""

ID = 2
NAME = {socket.AF_INET: 16, socket.AF_INET6: 28}
"""Octets of a socket address: family and port are the first four."""


class Slots:
    """Memory for ``SLOTS`` datagrams to sockets of one address family, and for their answers.

    A slot has the id, the address of the sender, and the rest of the datagram, one after the other. The address
    (without its port) and the rest together are the key in the reply cache. The headers for receiving and for sending
    point to the same slots.
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
            words[vector : vector + 4] = _words(base + slot - ID, ID, base + slot + name, MAX_DATAGRAM - ID)
        self.incoming = base
        self.outgoing = base + SLOTS * HEADER
        self.received = memoryview(self.memory).cast("I")[56 // 4 : SLOTS * HEADER // 4 : HEADER // 4]
        self.sending = words[(headers + SLOTS * VECTORS) // 8 + 3 : (headers + vectors) // 8 : VECTORS // 8]
        self.names = [*slots]
        self.keys = [slot + 4 for slot in slots]
        self.tails = [slot + name for slot in slots]
        self.slots = [*zip(range(SLOTS), self.keys, self.tails, strict=True)]
        self.key_extra = name - 4 - ID
        """The length of a key minus the length of its datagram, in octets."""

    def query(self, number: int, size: int) -> bytes:
        """The datagram of ``size`` octets in slot ``number``."""
        name, tail = self.names[number], self.tails[number]
        return (self.memory[name - ID : name] + self.memory[tail : tail + size])[:size]

    def peer(self, number: int) -> Peer:
        """The sender of the datagram in slot ``number``, as the sockets of Python return it."""
        name = self.names[number]
        port = int.from_bytes(self.memory[name + 2 : name + 4], "big")
        if self.tails[number] - name == NAME[socket.AF_INET]:
            return address(self.memory[name + 4 : name + 8]), port
        flow, raw, scope = name + 4, name + 8, name + 24
        zone = int.from_bytes(self.memory[scope : scope + 4], sys.byteorder)
        text = address(self.memory[raw:scope])
        return with_zone(text, zone), port, int.from_bytes(self.memory[flow:raw], "big"), zone


class BatchReader:
    """Reads one UDP socket in batches. It answers from the reply cache; other queries are processed with ``work``."""

    def __init__(
        self, datagrams: socket.socket, local: str, slots: Slots, cache: ReplyCache, work: Work, send: Send
    ) -> None:
        self._descriptor = datagrams.fileno()
        self._local = local
        self._slots = slots
        self._cache = cache
        self._handle_query, self._stop_charging = work
        self._send = send
        self._receive_many, self._send_many = _calls()

    def read(self) -> None:
        """Process the datagrams that have arrived, at most one batch."""
        slots, cache = self._slots, self._cache
        count = self._receive_many(self._descriptor, slots.incoming, SLOTS, 0, None)
        if count <= 0:
            return
        memory, sending, key_extra = slots.memory, slots.sending, slots.key_extra
        replies, this_round, now = cache.replies, *cache.start_round()
        events: list[ClientEvent] = []
        first = 0
        self._stop_charging()
        for (number, key, at), size in zip(slots.slots, slots.received[:count].tolist(), strict=False):
            reply = replies.get(memory[key : key + key_extra + size])
            if reply is not None:
                tail, length, client, counter, event = reply
                if client.round == this_round or cache.is_same_client(client):
                    counter[0] += 1
                    counter[1] = now
                    events.append(event)
                    memory[at : at + length] = tail
                    sending[number] = length
                    continue
            self._send_batch(first, events)
            first = number + 1
            query, peer = slots.query(number, size), slots.peer(number)
            self._handle_query(query, peer, self._local, "udp", self._send)
            this_round, now = cache.start_round()
            cache.store(memory[key : key + key_extra + size], query, peer[0])
        self._send_batch(first, events)

    def _send_batch(self, first: int, events: list[ClientEvent]) -> None:
        """Record and send the answers in the slots from ``first`` on."""
        if not events:
            return
        count = len(events)
        self._stop_charging()
        self._cache.record_all(events)
        events.clear()
        while count:
            sent = self._send_many(self._descriptor, self._slots.outgoing + first * HEADER, count, 0)
            # An answer that cannot be sent is lost, as in a network. The client may be gone.
            sent = max(sent, 1)
            first, count = first + sent, count - sent


Work = tuple[QueryHandler, Callable[[], None]]
"""What processes a query, and what ends the time for which its peer is charged: without it, until the next query."""

_Call = Callable[..., int]


@functools.cache
def is_supported() -> bool:
    """Whether this machine has the system calls and the memory layout that this module needs. It tries them once."""
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
    """Encode numbers as consecutive 64-bit words."""
    return memoryview(b"".join(number.to_bytes(8, sys.byteorder) for number in numbers)).cast("Q")


@functools.lru_cache(maxsize=4096)
def address(raw: bytes) -> str:
    """Convert the octets of an IP address to text."""
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def with_zone(text: str, zone: int) -> str:
    """Add the zone to an IPv6 address as getnameinfo does: the name of the network interface, or its number."""
    if not zone:
        return text
    try:
        return f"{text}%{socket.if_indextoname(zone)}"
    except OSError:
        return f"{text}%{zone}"
