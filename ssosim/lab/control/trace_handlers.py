"""The trace over the control API: what has happened, and waiting for what is to happen."""

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
    """GET /v1/trace and GET /v1/wait."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    async def list_records(self, request: web.Request) -> web.Response:
        """The records after number ``since`` that are selected, the oldest first, at most ``limit``.

        ``last_seq`` is where to go on reading; ``more`` says that the limit cut it. As JSON Lines where asked for.
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
        """The first selected record after ``since``, which may be there already; 204 if none comes in time."""
        query = parse_query(request, (*_SELECTION, "timeout_s"))
        wanted = Selection.parse(query)
        timeout_s = parse_whole_number(query, "timeout_s", 30, 0, LONGEST_WAIT_S)
        found = await self._wait_for_match(wanted, timeout_s)
        if found is None:
            return web.Response(status=204)
        return web.Response(text=record_to_json(found), content_type="application/json")

    async def _find_matching(self, wanted: Selection, most: int) -> list[Record]:
        """The first ``most`` of the selected records that there are now; others have turns meanwhile."""
        found: list[Record] = []
        for part in split_columns(self._trace.columns(wanted.since)):
            fits: dict[int, bool] = {}  # by identity, which the columns keep: much comes again and again
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

        # Before it is looked at what there is: nothing may slip through between the two.
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
    """Which records are meant; what is None does not narrow it. ``text`` is a part of the sentence about it."""

    since: int
    client: str | None
    kind: str | None
    layer: str | None
    text: str | None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Selection:
        """As the query has it; raises LabInputError."""
        for key, known in (("kind", KINDS), ("layer", LAYERS)):
            if query.get(key, known[0]) not in known:
                raise LabInputError(f"{key} {query[key][:40]!r}: expected one of {', '.join(known)}")
        since = parse_whole_number(query, "since", 0, 0, _LARGEST)
        return cls(since, query.get("client"), query.get("kind"), query.get("layer"), query.get("text"))

    def matches(self, record: Record | ClientEvent) -> bool:
        """Whether ``record`` is one of them, numbers apart."""
        event = record.event
        return (
            self.client in (None, record.client)
            and self.kind in (None, type(event).__name__)
            and self.layer in (None, event.layer)
            and (self.text is None or self.text in describe_event(event))
        )
