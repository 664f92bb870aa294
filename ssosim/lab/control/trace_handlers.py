"""The trace in the control API: read past records, and wait for a future record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.request_bodies import parse_query, parse_whole_number
from ssosim.trace import ClientEvent, Record, Trace, events, split_columns
from ssosim.trace.export import describe_event, record_to_json

__all__ = ["KINDS", "LAYERS", "LONGEST_WAIT_S", "MOST_RECORDS", "TraceHandlers"]

KINDS = tuple(name for name in events.__all__ if name != "Event")
LAYERS = ("dns", "kerberos", "http", "token", "fault", "client", "lab")
MOST_RECORDS = 10_000
LONGEST_WAIT_S = 300
_SELECTION = ("since", "client", "kind", "layer", "text")
_LARGEST = 2**53
JSON_LINES = "application/x-ndjson"


class TraceHandlers:
    """The handlers of GET /v1/trace and GET /v1/wait."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    async def list_records(self, request: web.Request) -> web.Response:
        """Return the matching records after number ``since``, the oldest first, at most ``limit``.

        ``last_seq`` is the ``since`` of the next request; ``more`` is true if the limit left records out. The response
        is JSON Lines if the request accepts that.
        """
        query = parse_query(request, (*_SELECTION, "limit"))
        wanted = Selection.parse(query)
        limit = parse_whole_number(query, "limit", 1000, 1, MOST_RECORDS)
        last = self._trace.last_seq
        found = await self._find_matching(wanted, limit + 1)
        if more := len(found) > limit:
            del found[limit:]
            last = found[-1].seq
        lines = [record_to_json(record) for record in found]
        if JSON_LINES in request.headers.get("Accept", ""):
            return web.Response(text="".join(f"{line}\n" for line in lines), content_type=JSON_LINES)
        text = f'{{"records":[{",".join(lines)}],"last_seq":{last},"more":{str(more).lower()}}}'
        return web.Response(text=text, content_type="application/json")

    async def wait(self, request: web.Request) -> web.Response:
        """Return the first matching record after ``since``, past or future; 204 if none comes within ``timeout_s``."""
        query = parse_query(request, (*_SELECTION, "timeout_s"))
        wanted = Selection.parse(query)
        timeout_s = parse_whole_number(query, "timeout_s", 30, 0, LONGEST_WAIT_S)
        found = await self._wait_for_match(wanted, timeout_s)
        if found is None:
            return web.Response(status=204)
        return web.Response(text=record_to_json(found), content_type="application/json")

    async def _find_matching(self, wanted: Selection, most: int) -> list[Record]:
        """The first ``most`` matching records of the present trace; yields to the event loop between parts."""
        found: list[Record] = []
        for part in split_columns(self._trace.columns(wanted.since)):
            fits: dict[int, bool] = {}  # by identity: the columns use one object for equal events, and many repeat
            for seq, at, one in part:
                fit = fits.get(id(one))
                if fit is None:
                    fit = fits[id(one)] = wanted.matches(one)
                if fit:
                    found.append(Record(seq, at, one.client, one.event))
                    if len(found) == most:
                        return found
            await asyncio.sleep(0)
        return found

    async def _wait_for_match(self, wanted: Selection, timeout_s: float) -> Record | None:
        came: asyncio.Future[Record] = asyncio.get_running_loop().create_future()

        def look(record: Record) -> None:
            if not came.done() and record.seq > wanted.since and wanted.matches(record):
                came.set_result(record)

        # Subscribe before searching the past records: no record may be missed between the two.
        unsubscribe = self._trace.subscribe(look, getattr(events, wanted.kind or "Event"))
        try:
            if found := await self._find_matching(wanted, 1):
                return found[0]
            return await asyncio.wait_for(came, timeout_s)
        except TimeoutError:
            return None
        finally:
            unsubscribe()


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter for records; None matches all. ``text`` must be contained in the text that describes the event."""

    since: int
    client: str | None
    kind: str | None
    layer: str | None
    text: str | None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Selection:
        """Parse the filter from a query. Raises LabInputError."""
        for key, known in (("kind", KINDS), ("layer", LAYERS)):
            if query.get(key, known[0]) not in known:
                raise LabInputError(f"{key} {query[key][:40]!r}: expected one of {', '.join(known)}")
        since = parse_whole_number(query, "since", 0, 0, _LARGEST)
        return cls(since, query.get("client"), query.get("kind"), query.get("layer"), query.get("text"))

    def matches(self, record: Record | ClientEvent) -> bool:
        """Whether ``record`` matches, apart from its number."""
        event = record.event
        return (
            self.client in (None, record.client)
            and self.kind in (None, type(event).__name__)
            and self.layer in (None, event.layer)
            and (self.text is None or self.text in describe_event(event))
        )
