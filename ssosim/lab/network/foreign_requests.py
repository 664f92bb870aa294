"""Read the request that a client sends to a host outside of the estate, and record the credentials in it.

A client that refuses the certificate of a foreign host sends nothing. A client that accepts it, or that uses plain
HTTP, sends its request. The foreign host reads it, never answers it, and closes the connection.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Literal, cast

from ssosim.exposure import ExposureFinder, parts_of_raw_request
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.trace import Trace

__all__ = ["ForeignRequestReader", "ForeignRequests", "ReportRequest"]

_SIZE_LIMIT = 1024 * 1024
_SILENCE_S = 1.0
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,9})[ \t]*\r?$")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding:.*chunked")
_EXPECT = re.compile(rb"(?im)^expect:[ \t]*100-continue")

ReportRequest = Callable[[str, str, bytes], None]
"""(address of the client, address of the foreign host, the bytes that it received)"""


class ForeignRequestReader(asyncio.Protocol):
    """Reads one request, reports its bytes with ``report``, and closes the connection.

    It closes at the end of the request, after a megabyte, or after a second without bytes.
    """

    def __init__(self, report: ReportRequest | None) -> None:
        self._report = report
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._continued = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to read; without ``report`` close at once."""
        self._transport = cast("asyncio.Transport", transport)
        if self._report is None:
            transport.close()
        else:
            self._restart_timer()

    def data_received(self, data: bytes) -> None:
        """Add bytes of the request, and close after the last ones."""
        self._data += data
        if len(self._data) >= _SIZE_LIMIT or self._is_complete():
            self._close()
        else:
            self._restart_timer()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Report what was received."""
        if self._timer is not None:
            self._timer.cancel()
        self._send_report()

    def _is_complete(self) -> bool:
        head = _HEAD_END.search(self._data)
        if head is None:
            return False
        fields, size = bytes(self._data[: head.end()]), len(self._data) - head.end()
        if _EXPECT.search(fields) and not self._continued and self._transport is not None:
            self._continued = True  # .NET Framework sends the body of a POST only after this
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if _CHUNKED.search(fields):
            return self._data.endswith(b"0\r\n\r\n")
        length = _LENGTH.search(fields)
        return size >= (int(length[1]) if length else 0)

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_SILENCE_S, self._close)

    def _close(self) -> None:
        self._send_report()  # before the client can know of the end, so that its verdict has it
        if self._transport is not None:
            self._transport.close()

    def _send_report(self) -> None:
        data, report, self._report = bytes(self._data), self._report, None
        if not data or report is None or self._transport is None:
            return
        peer, local = (self._transport.get_extra_info(name) for name in ("peername", "sockname"))
        if peer and local:
            report(str(peer[0]), str(local[0]), data)


class ForeignRequests:
    """Records the credentials in requests that foreign hosts receive.

    ``find_name`` returns the last name that a client resolved to an address; ``""`` if none is known.
    """

    def __init__(
        self,
        trace: Trace,
        client_addresses: ClientAddresses,
        exposures: Callable[[], ExposureFinder | None],
        find_name: Callable[[str, str], str] = lambda _client, _address: "",
    ) -> None:
        self._trace = trace
        self._client_addresses = client_addresses
        self._exposures = exposures
        self.find_name = find_name

    def report_with(self, *, tls: bool) -> ReportRequest:
        """Return the function that records the credentials of a request, over TLS or in clear text."""
        scheme: Literal["https", "http"] = "https" if tls else "http"

        def report(remote: str, local: str, data: bytes) -> None:
            client, finder = self._client_addresses.client_of(remote, local), self._exposures()
            if client and finder is not None:
                host = self.find_name(client, local)
                request = parts_of_raw_request(data, host=host, address=local, scheme=scheme)
                for event in finder.examine_foreign(request):
                    self._trace.record(client, event)

        return report
