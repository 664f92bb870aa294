"""A lab for a test with any event loop or none: the lab's loop runs in its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
import warnings
from collections.abc import Callable, Collection, Coroutine, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ssosim.estate import Estate
from ssosim.faults import Fault
from ssosim.faults.core.idle_faults import explain_idle_faults
from ssosim.faults.core.placeholders import expand_fault
from ssosim.kerberos import Address, KdcEndedError
from ssosim.lab.base.client_conf import write_client_conf
from ssosim.lab.base.default_trust import install_trust
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.folder import ensure_cache_folder
from ssosim.lab.base.kerberos_environment import install_names
from ssosim.lab.base.own_sockets import refuse_own_sockets
from ssosim.lab.base.socket_policy import install as install_sockets
from ssosim.lab.base.socket_policy import unrestricted
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import WallClock, model_device
from ssosim.scenario.model_sign_in import sign_in_and_record
from ssosim.services import http_host_names
from ssosim.testing.client_choice import AnyClient, find_shipped_model, get_model_name
from ssosim.testing.playing import AnyEstate, convert_error, resolve_estate, working_folder
from ssosim.testing.unused_calls import Block, UnusedCalls
from ssosim.trace import ClientFinished, Record
from ssosim.trace.export import record_to_json
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.pauses import select_pauses

if TYPE_CHECKING:
    from ssosim.testing.patched_device import PatchedDevice

__all__ = ["HostedLab", "IdleFaultWarning", "host_lab"]

_T = TypeVar("_T")
_DISCARD = 9  # a port where nobody listens


class IdleFaultWarning(UserWarning):
    """A fault changed no exchange: a test that passes shows nothing about it. The text says why."""


class HostedLab:
    """A running loopback lab in real time, made by ``host_lab``. Every method may be called from any thread.

    ``ca_file`` is the CA certificate to trust, ``krb5_conf`` the Kerberos configuration, ``folder`` the lab's files.
    ``unused_calls`` are the blocks that were made, for the plugin: one that is never entered fails the test.
    """

    def __init__(self, lab: Lab, loop: asyncio.AbstractEventLoop) -> None:
        self._lab = lab
        self._loop = loop
        self._devices = 0
        self._patched: dict[tuple[str, str], str] = {}
        self._cleanup = contextlib.ExitStack()
        self.unused_calls = UnusedCalls()
        self.folder = lab.home
        self.krb5_conf = lab.krb5_conf
        self.ca_file = lab.home / "ca.pem"
        self.ca_file.write_text(lab.ca.certificate_pem, encoding="utf-8")

    @property
    def estate(self) -> Estate:
        """The estate of the lab."""
        return self._lab.estate

    @property
    def dns(self) -> tuple[str, int]:
        """Address and UDP and TCP port of its DNS server."""
        return self._lab.endpoint(self.estate.addresses("dns")[0], 53)

    def endpoint(self, host: str, port: int | None = None) -> tuple[str, int]:
        """Return the address and port to connect to for ``host``, whatever DNS says; ``port`` selects one service.

        Raises LabInputError for a name or port that no service has.
        """
        wanted = host.lower().rstrip(".")
        for service in self._lab.services:
            if wanted in service.dns_names and port in (None, service.port):
                return self._lab.endpoint(service.address, service.port)
        at = "" if port is None else f" with port {port}"
        known = ", ".join(sorted(http_host_names(self.estate)))
        raise LabInputError(f"no endpoint is called {host!r}{at}; there are: {known}")

    def records(self, client: str | None = None) -> tuple[Record, ...]:
        """Return the trace so far, of ``client`` or of all clients."""
        return tuple(record for record in self._lab.trace.since() if client in (None, record.client))

    def write_trace(self, path: Path) -> None:
        """Write the trace so far to ``path`` as JSON Lines."""
        path.write_text("".join(record_to_json(record) + "\n" for record in self.records()), encoding="utf-8")

    def broken(self, *faults: Fault) -> contextlib.AbstractContextManager[None]:
        """Apply ``faults`` for the length of a ``with`` block; raises the fault's own error if one does not fit.

        Placeholders in a fault's fields, as those of a shipped scenario have, become names of the lab's estate. A block
        that ends without an error and had a fault that changed no exchange warns with IdleFaultWarning. Without a
        fault, as in the healthy row of a table of states, nothing is broken.
        """
        names = ", ".join(fault.fault_name for fault in faults)
        return self.unused_calls.add_block(f"sso_lab.broken({names})", Block(self._apply_in_block(faults)))

    @contextlib.contextmanager
    def _apply_in_block(self, faults: tuple[Fault, ...]) -> Iterator[None]:
        undos: list[Callable[[], None]] = []
        numbers: set[int] = set()
        before = {applied.id for applied in self._lab.faults.active}
        try:
            for fault in faults:
                undos += [self._at_once(partial(expand_fault(fault, self.estate).apply, self._lab))]
            numbers = {applied.id for applied in self._lab.faults.active} - before
            yield
            self._warn_of_idle_faults(numbers)
        finally:
            for undo in reversed(undos):
                self._at_once(undo)

    def _warn_of_idle_faults(self, numbers: set[int]) -> None:
        faults = [applied for applied in self._lab.faults.active if applied.id in numbers]
        reasons = explain_idle_faults(faults, self._lab.trace.since())
        for applied in faults:
            if applied.id in reasons:
                text = f"{applied.fault.fault_name} touched nothing: {reasons[applied.id]}"
                # The frames of a generator, of contextlib and of Block lie between this and the end of the block.
                warnings.warn(text, IdleFaultWarning, stacklevel=5)

    def sign_in(self, client: AnyClient, *, device: str | None = None, patience_s: float = 30.0) -> Verdict:
        """Run a sign-in of a model now, in real time, and judge it from the trace.

        A client that still tries after ``patience_s`` seconds is stopped; it has stalled. Raises LabInputError for an
        unknown model or device.
        """
        model = find_shipped_model(client) if isinstance(client, str) else client
        name = get_model_name(model)

        async def attempt(lab: Lab) -> Verdict:
            mark, began = lab.trace.last_seq, lab.clock.now()
            async with model_device(lab, name, lab.device_of(device), WallClock(lab.clock)) as ports:
                with refuse_own_sockets(name):
                    attempted = asyncio.create_task(sign_in_and_record(model, ports, lab.trace, name, lab.estate))
                    done, _ = await asyncio.wait([attempted], timeout=patience_s)
                    if not done:
                        attempted.cancel()
                        end = ClientFinished(program=name, exit_code=-9, stopped="deadline", running_s=patience_s)
                        lab.trace.record(name, end)
                    await asyncio.gather(attempted, return_exceptions=not done)
            records = lab.trace.since(mark)
            return judge([record for record in records if record.client == name], began, select_pauses(records))

        return self.call(attempt)

    def device(
        self,
        device: str | None = None,
        *,
        name: str = "program",
        allow: Collection[str] = (),
        dns_timeout_s: float = 5.0,
    ) -> PatchedDevice:
        """Return a device for Python code of this process; use it in a ``with`` block.

        Within the block, names, connections, TLS trust and Kerberos of the code and of its threads are those of
        ``device`` (default: the estate's first). ``name`` is the client's name in the trace. ``allow``: addresses, or
        ``address:port``, of the test's own servers; every other address that is not of the lab raises OutsideLabError.
        ``dns_timeout_s``: how long to wait for a DNS answer, twice, as glibc does. Raises LabInputError for an unknown
        device.
        """
        from ssosim.testing.patched_device import DeviceOptions, PatchedDevice  # noqa: PLC0415 - needs GSS-API

        if not self._patched:
            for install in (install_sockets, install_trust, install_names):
                self._cleanup.enter_context(install())
        where = self._lab.device_of(device)
        if (where.name, name) not in self._patched:
            address = self._lab.network.allocate_model_address()
            self._lab.client_addresses.register(address, name)
            self._patched[where.name, name] = address
        options = DeviceOptions(name, allow, dns_timeout_s)
        made = PatchedDevice(self.call, self._lab, self._patched[where.name, name], where, options)
        return self.unused_calls.add_block(f"sso_lab.device({where.name!r}, name={name!r})", made)

    def environment(self, device: str | None = None) -> dict[str, str]:
        """Return environment variables for a program: the lab's CA, and a ticket of the user of ``device``.

        A device outside the corporate network has no ticket, and its ``krb5.conf`` no KDC that answers. The fault
        ``clock-skew`` of a device changes the clock of libkrb5 there, where it is one of all clients.
        """
        where = self._lab.device_of(device)

        async def ticket(lab: Lab) -> None:
            found = await lab.find_ticket(lab.user_of(where), "", where)
            if found is not None:
                shutil.copyfile(found, own)
                lab.follow_clock("", lab.user_of(where), where, own)

        self._devices += 1
        own = self.folder / f"ccache-{self._devices}"
        krb5_conf = self._lab.krb5_conf_of(where, self.folder / f"device-{self._devices}")
        if where.corporate_network:
            self.call(ticket)
        else:
            krb5_conf = self.folder / f"krb5-{self._devices}.conf"
            nobody = {realm.name: [Address("127.0.0.1", _DISCARD)] for realm in self._lab.estate.realms}
            write_client_conf(krb5_conf, self._lab.estate, nobody)
        bundle = str(self.ca_file)
        return {
            "KRB5_CONFIG": str(krb5_conf),
            "KRB5CCNAME": f"FILE:{own}",
            "SSL_CERT_FILE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
            "CURL_CA_BUNDLE": bundle,
        }

    def call(self, function: Callable[[Lab], Coroutine[object, object, _T]]) -> _T:
        """Run ``function(lab)`` in the lab's loop and return its result; it gives access to the whole lab.

        Raises LabError if the lab's KDC has ended: then nothing that a client gets from the lab means anything.
        """
        __tracebackhide__ = True
        with unrestricted():  # the task gets a copy of this context
            result = asyncio.run_coroutine_threadsafe(function(self._lab), self._loop)
        try:
            return result.result()
        finally:
            self._check_health()

    def _check_health(self) -> None:
        try:
            self._lab.check_health()
        except KdcEndedError as error:
            raise convert_error(error)  # noqa: B904 - its cause is chosen there

    def close(self) -> None:
        """Remove what devices have replaced in this process. ``host_lab`` calls it at the end."""
        self._cleanup.close()

    def _at_once(self, function: Callable[[], _T]) -> _T:
        async def run(_: Lab) -> _T:
            return function()

        return self.call(run)


@contextlib.contextmanager
def host_lab(estate: AnyEstate = None, *, folder: Path | None = None, cache: Path | None = None) -> Iterator[HostedLab]:
    """Run a lab for the length of a ``with`` block. Raises LabError and its subclasses; all its processes end.

    ``folder`` gets the lab's files and is kept; the default is a temporary one. ``cache`` keeps prepared realms.
    """
    there = resolve_estate(estate)
    with working_folder(folder) as home:
        thread = _LabThread(Lab(there, home, cache or ensure_cache_folder()))
        thread.start()
        try:
            with contextlib.closing(HostedLab(thread.lab, _loop_of(thread))) as hosted:
                yield hosted
        finally:
            thread.end()


def _loop_of(thread: _LabThread) -> asyncio.AbstractEventLoop:
    """Return the loop of a started lab; raises LabError and its subclasses."""
    try:
        return thread.started.result()
    except Exception as error:  # noqa: BLE001 - passed on, without our frames
        raise convert_error(error)  # noqa: B904 - its cause is chosen there


class _LabThread(threading.Thread):
    """Runs the lab's loop. krb5kdc ends with the thread that started it, so the thread lasts as long as the lab."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(name="ssosim lab", daemon=True)
        self.lab = lab
        self.started: Future[asyncio.AbstractEventLoop] = Future()
        self._ended: asyncio.Event

    def run(self) -> None:
        asyncio.run(self._host())

    def end(self) -> None:
        """Stop the lab and wait for it."""
        if not self.started.exception():
            self.started.result().call_soon_threadsafe(self._ended.set)
        self.join()

    async def _host(self) -> None:
        self._ended = asyncio.Event()
        try:
            async with self.lab:
                self.started.set_result(asyncio.get_running_loop())
                await self._ended.wait()
        except BaseException as error:
            if self.started.done():
                raise
            self.started.set_exception(error)
