"""Policies for the Python sockets of one context: what name resolution and connecting do for code under test.

Theory of operation. ``install`` replaces functions of the modules ``_socket``, ``socket``, ``threading`` and
``concurrent.futures``, once for the process. Each replacement asks ``current_policy()`` and calls the original function
where there is no policy. So other code in the process, the lab included, is not affected.

A policy belongs to a context (``contextvars``):

- asyncio tasks and ``asyncio.to_thread`` copy the context of the code that starts them.
- A thread gets the policy of the code that starts it (``Thread.start``).
- A job of a ``ThreadPoolExecutor`` gets the policy of the code that submits it, whenever its thread was started.
  ``loop.run_in_executor``, and with it ``loop.getaddrinfo``, is such a job.
- A policy that synchronous code applies also holds for event loops that run in the same thread, even if their context
  is older: a synchronous fixture may apply it, and a plugin may have made the loop of the test before.

Only Python's sockets are covered. A library that opens sockets in C or resolves names in C is not.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import contextlib
import functools
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias

from ssosim.lab.base.errors import LabError
from ssosim.lab.base.patches import Patches, Replace

__all__ = ["AddressInfo", "OutsideLabError", "SocketPolicy", "applied", "current_policy", "install", "unrestricted"]

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""An entry of ``getaddrinfo``: family, type, protocol, canonical name, socket address."""

Resolve: TypeAlias = Callable[..., list[AddressInfo]]

_INTERNET = (socket.AF_INET, socket.AF_INET6)


class OutsideLabError(LabError):
    """Code under test tried to reach something that is not of its lab. The text says what, and what to do."""


class SocketPolicy(Protocol):
    """What the sockets of a context may do. The methods are called in any thread."""

    def resolve(self, original: Resolve, host: object, port: object, *options: int) -> list[AddressInfo]:
        """Return what ``getaddrinfo`` returns; ``options`` are family, type, protocol and flags. Raises OSError."""
        ...

    def reverse(self, address: str) -> str:
        """Return the name of ``address``. Raises socket.herror."""
        ...

    def map_address(self, sock: socket.socket, address: Any) -> object:
        """Return the address to connect ``sock`` to instead of ``address``. Raises OutsideLabError and OSError."""
        ...


class _Unrestricted:
    """The mark of a context without a policy within one that has a policy."""


_POLICY: ContextVar[SocketPolicy | _Unrestricted | None] = ContextVar("ssosim_socket_policy", default=None)
_UNRESTRICTED = _Unrestricted()
_OF_THREADS: dict[int, list[SocketPolicy]] = {}


def current_policy() -> SocketPolicy | None:
    """Return the policy of the current context, or of the synchronous code around the event loop of this thread."""
    policy = _POLICY.get()
    if policy is None and _OF_THREADS and (around := _OF_THREADS.get(threading.get_ident())):
        policy = around[-1]
    return None if isinstance(policy, _Unrestricted) else policy


class applied:  # noqa: N801 - used as a function
    """Apply a policy for the length of a ``with`` block, in this context. ``install`` must have been called."""

    def __init__(self, policy: SocketPolicy) -> None:
        self._policy = policy
        self._before: SocketPolicy | _Unrestricted | None = None
        self._thread: int | None = None

    def __enter__(self) -> None:
        self._before = _POLICY.get()
        _POLICY.set(self._policy)
        if not _in_async_task():
            self._thread = threading.get_ident()
            _OF_THREADS.setdefault(self._thread, []).append(self._policy)

    def __exit__(self, *_: object) -> None:
        _POLICY.set(self._before)
        if self._thread is not None:
            policies = _OF_THREADS[self._thread]
            policies.reverse()
            policies.remove(self._policy)
            policies.reverse()
            if not policies:
                del _OF_THREADS[self._thread]


def _in_async_task() -> bool:
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - documented for other event loops
        return True
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


class unrestricted:  # noqa: N801 - used as a function
    """Use sockets without a policy in a ``with`` block: for code of the lab itself that a context with a policy calls.

    A class, since each call of a device's port is such a block.
    """

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: SocketPolicy | _Unrestricted | None = None

    def __enter__(self) -> None:
        self._before = _POLICY.get()
        if self._before is not _UNRESTRICTED:
            _POLICY.set(_UNRESTRICTED)

    def __exit__(self, *_: object) -> None:
        if self._before is not _UNRESTRICTED:
            _POLICY.set(self._before)


def _patch(replace: Replace) -> None:
    low = sys.modules["_socket"]  # ``socket.getaddrinfo`` calls this one, also if it was imported by name before
    replace(low, "getaddrinfo", _getaddrinfo)
    getaddrinfo = vars(low)["getaddrinfo"]
    for owner in (low, socket):
        replace(owner, "gethostbyname", functools.partial(_gethostbyname, getaddrinfo))
        replace(owner, "gethostbyname_ex", functools.partial(_gethostbyname_ex, getaddrinfo))
        replace(owner, "gethostbyaddr", _gethostbyaddr)
        replace(owner, "getnameinfo", _getnameinfo)
    for name in ("connect", "connect_ex"):
        replace(socket.socket, name, _connect)
    for name in ("sendto", "sendmsg"):
        replace(socket.socket, name, _send)
    replace(threading.Thread, "start", _start_thread)
    replace(concurrent.futures.ThreadPoolExecutor, "submit", _submit)


def _patch_uvloop(replace: Replace) -> None:
    replace(sys.modules["uvloop"].Loop, "getaddrinfo", _uvloop_getaddrinfo)
    replace(sys.modules["uvloop"].Loop, "create_connection", _uvloop_create_connection)


def _patch_aiohttp(replace: Replace) -> None:
    replace(sys.modules["aiohttp.resolver"].AsyncResolver, "resolve", _aiodns_resolve)


def _getaddrinfo(original: Resolve) -> Resolve:
    def getaddrinfo(
        host: object,
        port: object,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name in the standard library
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        __tracebackhide__ = True
        policy = current_policy()
        if policy is None:
            return original(host, port, family, type, proto, flags)
        return policy.resolve(original, host, port, family, type, proto, flags)

    return getaddrinfo


def _gethostbyname(getaddrinfo: Resolve, original: Callable[[str], str]) -> Callable[[str], str]:
    def gethostbyname(hostname: str) -> str:
        if current_policy() is None:
            return original(hostname)
        return str(getaddrinfo(hostname, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])

    return gethostbyname


def _gethostbyname_ex(getaddrinfo: Resolve, original: Callable[[str], Any]) -> Callable[[str], Any]:
    def gethostbyname_ex(hostname: str) -> tuple[str, list[str], list[str]]:
        if current_policy() is None:
            return original(hostname)  # type: ignore[no-any-return]
        found = getaddrinfo(hostname, None, socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
        return found[0][3] or hostname, [], [str(entry[4][0]) for entry in found]

    return gethostbyname_ex


def _gethostbyaddr(original: Callable[[str], Any]) -> Callable[[str], Any]:
    def gethostbyaddr(ip_address: str) -> tuple[str, list[str], list[str]]:
        policy = current_policy()
        if policy is None:
            return original(ip_address)  # type: ignore[no-any-return]
        address = str(socket.getaddrinfo(ip_address, None)[0][4][0])
        return policy.reverse(address), [], [address]

    return gethostbyaddr


def _getnameinfo(original: Callable[[Any, int], tuple[str, str]]) -> Callable[[Any, int], tuple[str, str]]:
    def getnameinfo(sockaddr: Any, flags: int) -> tuple[str, str]:
        policy = current_policy()
        if policy is None:
            return original(sockaddr, flags)
        numeric = original(sockaddr, flags & ~socket.NI_NAMEREQD | socket.NI_NUMERICHOST)
        if flags & socket.NI_NUMERICHOST:
            return numeric
        try:
            return policy.reverse(numeric[0]), numeric[1]
        except socket.herror:
            if flags & socket.NI_NAMEREQD:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
            return numeric

    return getnameinfo


def _connect(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: socket.socket, address: Any, /) -> Any:
        __tracebackhide__ = True
        policy = current_policy() if self.family in _INTERNET else None
        if policy is None:
            return original(self, address)
        try:
            there = policy.map_address(self, address)
        except OutsideLabError:
            self.close()  # its owner closes it after an OSError only, as a rule
            raise
        return original(self, there)

    return connect


def _send(original: Callable[..., Any]) -> Callable[..., Any]:
    """Replace ``sendto(data[, flags], address)`` and ``sendmsg(buffers[, ancdata[, flags[, address]]])``."""

    def send(self: socket.socket, *arguments: Any) -> Any:
        __tracebackhide__ = True
        policy = current_policy() if self.family in _INTERNET else None
        if policy is None or not isinstance(arguments[-1], tuple):
            return original(self, *arguments)
        return original(self, *arguments[:-1], policy.map_address(self, arguments[-1]))

    return send


def _start_thread(original: Callable[..., None]) -> Callable[..., None]:
    def start(self: threading.Thread) -> None:
        policy = current_policy()
        # The thread of an executor has no policy of its own: its jobs have.
        target = getattr(self, "_target", None)
        if policy is None or target is concurrent.futures.thread._worker:  # noqa: SLF001
            original(self)
            return
        run, inherited = self.run, policy

        def run_with_policy() -> None:
            __tracebackhide__ = True
            with contextlib.suppress(AttributeError):
                del self.run
            _POLICY.set(inherited)
            run()

        self.run = run_with_policy  # type: ignore[method-assign]
        original(self)

    return start


def _submit(original: Callable[..., Any]) -> Callable[..., Any]:
    def submit(self: Any, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        policy = current_policy()
        if policy is None:
            return original(self, function, *arguments, **named)

        def run_with_policy() -> Any:
            before = _POLICY.get()
            _POLICY.set(policy)
            try:
                return function(*arguments, **named)
            finally:
                _POLICY.set(before)

        return original(self, run_with_policy)

    return submit


def _uvloop_getaddrinfo(original: Callable[..., Any]) -> Callable[..., Any]:
    async def getaddrinfo(self: Any, host: Any, port: Any, **options: int) -> Any:
        if current_policy() is None:
            return await original(self, host, port, **options)
        return await self.run_in_executor(None, functools.partial(socket.getaddrinfo, host, port, **options))

    return getaddrinfo


def _uvloop_create_connection(original: Callable[..., Any]) -> Callable[..., Any]:
    """Connect a Python socket for uvloop, whose own sockets are opened in C."""

    async def create_connection(self: Any, protocol: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if current_policy() is None or host is None or options.get("sock") is not None:
            return await original(self, protocol, host, port, **options)
        source = options.pop("local_addr", None)
        for name in ("family", "proto", "flags", "sock", "happy_eyeballs_delay", "interleave"):
            options.pop(name, None)
        connect = functools.partial(socket.create_connection, (host, port), source_address=source)
        sock = await self.run_in_executor(None, connect)
        sock.setblocking(False)
        if options.get("ssl"):
            options.setdefault("server_hostname", host)
        return await original(self, protocol, sock=sock, **options)

    return create_connection


def _aiodns_resolve(original: Callable[..., Any]) -> Callable[..., Any]:
    """Resolve by ``loop.getaddrinfo`` in place of c-ares, which opens its sockets in C."""

    async def resolve(self: Any, host: str, port: int = 0, family: int = socket.AF_INET) -> Any:
        if current_policy() is None:
            return await original(self, host, port, family)
        threaded = sys.modules["aiohttp.resolver"].ThreadedResolver()
        return await threaded.resolve(host, port, family)

    return resolve


_PATCHES = Patches(_patch)
_PATCHES_OF_MODULES = {"uvloop": Patches(_patch_uvloop), "aiohttp.resolver": Patches(_patch_aiohttp)}
"""Replacements in modules that may be imported within a block: the next block within it makes them."""


@contextlib.contextmanager
def install() -> Iterator[None]:
    """Keep the replacements in place for the length of the block; the last of several blocks removes them.

    Blocks within a block cost little, since the replacements are in place.
    """
    with contextlib.ExitStack() as blocks:
        blocks.enter_context(_PATCHES.installed())
        for module, patches in _PATCHES_OF_MODULES.items():
            if module in sys.modules:
                blocks.enter_context(patches.installed())
        yield
