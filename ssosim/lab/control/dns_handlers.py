"""Change control of a running lab: the handlers of ``/v1/dns/``.

GET  /v1/dns/zones        the zones, the drift locks, the ledger, the staged changes
POST /v1/dns/plan         {change}
POST /v1/dns/apply        {change, plan, approvals, executors}     403 with the gate's reasons if it refuses
                          a change with views is staged in one view after another, until one has a new finding
POST /v1/dns/rollback     {number, as_written, by}     without a number, the last staged change is removed first
POST /v1/dns/drift        {outside}
POST /v1/dns/load         {zones, title}     replaces zones of the lab by those of the user
POST /v1/dns/adopt        {by}
POST /v1/dns/settings     {policy, inventory, detector}     check_every of the inventory starts or stops monitoring
POST /v1/dns/substitutions         {change}     starts counting backends for the names that the change would affect
POST /v1/dns/substitutions/finish  {}           stops them and returns the counts; the zones are as before
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from ssosim.changes.approvals import Approval, Policy
from ssosim.changes.change import Change
from ssosim.changes.change_control import ChangeControl, CommitResult, PreparedCommit, RefusedError
from ssosim.changes.drift import Detector
from ssosim.changes.inventory import Inventory, make_inventory
from ssosim.changes.ledger import Ledger, LedgerError
from ssosim.changes.outside_in import compare_observations
from ssosim.changes.plan import Plan
from ssosim.changes.risk import Reason
from ssosim.changes.snapshot import from_data, to_data
from ssosim.changes.usage import ServerCounts
from ssosim.dns import DnsChangeError
from ssosim.dns.zones.rrset import plain
from ssosim.lab.base.beside_loop import in_thread
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.control.counting_backend import Substitution, start_substitution
from ssosim.lab.control.endpoint_probes import EndpointProber
from ssosim.lab.control.request_bodies import encode_json_response, json_object
from ssosim.lab.control.staged_views import StagedChange, StagedViews
from ssosim.lab.core.lab import Lab
from ssosim.trace import LabEvent

__all__ = ["DnsHandlers"]

_MOST_ZONES = 8 * 1024 * 1024
"""The limit, in bytes, of a request that may contain zones: the limit of the control API."""

_ATTEMPTS = 5
"""Attempts to prepare a change, each after the zones changed during the last one."""

_T = TypeVar("_T")
_Handler = Callable[[dict[str, Any]], Awaitable[Any]]


_KEYS: dict[str, tuple[str, ...]] = {
    "zones": (),
    "plan": ("change",),
    "apply": ("change", "plan", "approvals", "executors"),
    "rollback": ("number", "as_written", "by"),
    "drift": ("outside",),
    "adopt": ("by",),
    "settings": ("policy", "detector", "inventory"),
    "load": ("title", "zones"),
    "substitutions": ("change",),
    "substitutions/finish": (),
}
"""The keys of the body of each request below ``/v1/dns/``."""


class DnsHandlers:
    """Change control in a lab. The ledger is in ``folder``; ``forecast`` adds what a plan does to clients to its risk.

    Requests that change the zones, the views or the ledger run one after another, under one lock (``_exclusive``), from
    the check to the ledger entry. Faults do not need the lock: each is one step on the event loop, and a layer above
    the zones.

    Long computations (plans, drift, zones as data) run in a thread on immutable values, so that clients are answered
    meanwhile. The commit and the records of the trace are done on the event loop.
    """

    def __init__(self, lab: Lab, folder: Path, forecast: Callable[[Plan], tuple[Reason, ...]] | None = None) -> None:
        self._lab = lab
        self._prober: EndpointProber | None = None
        self._substitution: Substitution | None = None
        self._views = StagedViews(lab)
        self._lock = asyncio.Lock()
        self._current_task: asyncio.Task[Any] | None = None
        self._monitor: asyncio.Task[None] | None = None
        account = lab.estate.default_realm.service_account
        self.control = ChangeControl(
            lab.zones,
            Ledger(folder),
            inventory=make_inventory(lab.estate),
            counts=ServerCounts(lab.query_counts),
            spns=(*account.spns, *lab.estate.default_realm.services),
            clock=lab.clock,
            trace=lab.trace,
            desired=lab.last_known_good,
            unbroken=lab.faults.unbroken,
            put=lab.faults.put,
            forecast=forecast,
        )

    def recover(self) -> str:
        """Restore the state of the last ledger entry. Returns a line of text about it; empty for an empty ledger.

        Raises LabInputError for a ledger that cannot be used; nothing has changed then.
        """
        try:
            last = self.control.recover()
            torn = self.control.ledger.is_torn()
        except LedgerError as error:
            hint = "start without them (--fresh), or use another --name"
            raise LabInputError(f"the changes of an earlier lab cannot be restored: {error}; {hint}") from error
        if not last and not torn:
            return ""
        text = f"the DNS changes of an earlier lab of this name, up to entry {last} of the ledger, are in force"
        text += "; the end of the ledger was lost" if torn else ""
        self._lab.trace.record("", LabEvent(part="dns change", text=f"recovered: {text}"))
        return f"{text} ({self.control.ledger.folder})" if torn else text

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request below ``/v1/dns/``; raises LabError and LabInputError."""
        handler = self._handlers().get((request.method, request.path.removeprefix("/v1/dns/")))
        if handler is None:
            raise LabInputError(f"{request.method} {request.path}: not found; see GET /v1/openapi.json")
        given = await json_object(request, _KEYS[request.path.removeprefix("/v1/dns/")], max_bytes=_MOST_ZONES)
        try:
            return await encode_json_response(await handler(given))
        except RefusedError as refused:
            return await encode_json_response(await in_thread(partial(_refusal_data, refused)), status=403)
        except (DnsChangeError, LedgerError) as error:
            raise LabError(str(error)) from error
        except ValueError as error:
            raise LabInputError(f"the request cannot be read: {error}") from error

    def _handlers(self) -> dict[tuple[str, str], _Handler]:
        return {
            ("GET", "zones"): self._zones,
            ("POST", "plan"): self._plan,
            ("POST", "apply"): self._apply,
            ("POST", "rollback"): self._rollback,
            ("POST", "drift"): self._drift,
            ("POST", "adopt"): self._adopt,
            ("POST", "settings"): self._settings,
            ("POST", "load"): self._load,
            ("POST", "substitutions"): self._substitute,
            ("POST", "substitutions/finish"): self._finish,
        }

    async def close(self) -> None:
        """Stop monitoring, cancel a running request, and end a substitution, which restores the zones."""
        await self._monitor_every(0)
        if self._current_task is not None:  # it may wait for an endpoint that does not respond
            self._current_task.cancel()
        async with self._exclusive():
            await self._close()

    async def _close(self) -> None:
        if self._substitution is not None:
            await self._substitution.finish()
            self._substitution = None

    @contextlib.asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """Hold the lock for requests that change something."""
        async with self._lock:
            self._current_task = asyncio.current_task()
            try:
                yield
            finally:
                self._current_task = None

    async def _commit_prepared(self, prepare: Callable[[], PreparedCommit]) -> CommitResult:
        """Run ``prepare`` in a thread and commit its result. The caller holds the lock.

        Raises the errors of ``prepare``, and LabError if the zones change during every attempt.
        """
        for _ in range(_ATTEMPTS):
            prepared = await in_thread(prepare)
            if (done := self.control.commit(prepared)) is not None:
                await in_thread(self.control.detect_drift)
                return done
        raise LabError(f"the zones were changed meanwhile {_ATTEMPTS} times, as by faults: try again")

    async def _zones(self, _: dict[str, Any]) -> dict[str, Any]:
        zones, staged = self._lab.zones.current, self._views.all

        def build_data() -> dict[str, Any]:
            return {
                "zones": to_data(zones),
                "estate": msgspec.to_builtins(self._lab.estate),
                "locks": {plain(origin): incident for origin, incident in self.control.locks.items()},
                "ledger": [msgspec.to_builtins(entry) for entry in self.control.ledger.entries()],
                "policy": self.control.policy.name,
                "staged": [
                    {"title": each.change.title, "views": list(each.change.views), "plan": each.token}
                    for each in staged
                ],
            }

        return await in_thread(build_data)

    async def _plan(self, body: dict[str, Any]) -> dict[str, Any]:
        change = _convert_field(body, "change", Change)

        def build_data() -> dict[str, Any]:
            plan = self.control.plan(change)
            return plan.as_data() | {"gate": self.control.judge(plan).as_data()}

        return await in_thread(build_data)

    async def _apply(self, body: dict[str, Any]) -> dict[str, Any]:
        change = _convert_field(body, "change", Change)
        arguments: dict[str, Any] = {
            "token": _convert_field(body, "plan", str | None),
            "approvals": _convert_field(body, "approvals", tuple[Approval, ...], ()),
            "executors": _convert_field(body, "executors", tuple[str, ...], ()),
        }
        async with self._exclusive():
            if self._substitution is not None:
                raise LabError("a substitution is running: finish it first")
            if change.views:
                plan = await in_thread(partial(self.control.permit, change, **arguments))
                staged = await self._views.stage(plan, self.control.inventory, self._get_prober())
                return self._report_views("staged", staged)
            done = await self._commit_prepared(partial(self.control.prepare_change, change, **arguments))
            self._views.remove_global_change(change)
        return await self._report_commit(done)

    def _report_views(self, action: str, staged: StagedChange) -> dict[str, Any]:
        text = f"{staged.change.title} {action} in {', '.join(staged.change.views)} ({staged.token})"
        self._lab.trace.record("", LabEvent(part="dns change", text=text))
        return {
            "number": None,
            "action": action,
            "views": list(staged.change.views),
            "title": staged.change.title,
            "version": self._lab.zones.current.version,
            "verification": {"equal": True, "differences": [], "probes": []},
        }

    async def _rollback(self, body: dict[str, Any]) -> dict[str, Any]:
        number = _convert_field(body, "number", int | None)
        as_written, by = _convert_field(body, "as_written", bool, default=False), _convert_field(body, "by", str, "")
        async with self._exclusive():
            if number is None and self._views.all:
                last = self._views.all[-1]
                self._views.unstage(last)
                return self._report_views("taken back", last)
            done = await self._commit_prepared(
                partial(self.control.prepare_rollback, number, as_written=as_written, by=by)
            )
        return await self._report_commit(done)

    async def _report_commit(self, done: CommitResult) -> dict[str, Any]:
        """The result as data. If the verification found differences, with probes: these may succeed nevertheless."""
        probes = [] if done.verification.good else await self._probe_lines()
        return {
            "number": done.entry.number,
            "action": done.entry.action,
            "title": done.entry.title,
            "version": self._lab.zones.current.version,
            "verification": done.verification.as_data() | {"probes": probes},
        }

    async def _probe_lines(self) -> list[dict[str, Any]]:
        """Whether each endpoint resolves and answers, as usual monitoring checks it: without the shape of answers."""
        seen = await self._get_prober().observe(self.control.inventory)
        return [
            {
                "name": each.name,
                "view": each.view,
                "resolves": bool(each.addresses),
                "https": each.status,
                "green": bool(each.addresses) and (each.status is None or 200 <= each.status < 400),
            }
            for each in seen
        ]

    async def _drift(self, body: dict[str, Any]) -> dict[str, Any]:
        found = list(await in_thread(self.control.detect_drift))
        if _convert_field(body, "outside", bool, default=True):
            found += compare_observations(
                self.control.inventory, await self._get_prober().observe(self.control.inventory)
            )
            self.control.record_endpoint_check()

        def build_data() -> dict[str, Any]:
            return {
                "findings": [each.as_data() for each in found],
                "locks": {plain(origin): incident for origin, incident in self.control.locks.items()},
                "inventory_completeness": self.control.completeness(),
                "uncounted": self.control.explain_uncounted(),
            }

        return await in_thread(build_data)

    def _get_prober(self) -> EndpointProber:
        self._prober = self._prober or EndpointProber(self._lab)
        return self._prober

    async def _adopt(self, body: dict[str, Any]) -> dict[str, Any]:
        by = _convert_field(body, "by", str, "")
        async with self._exclusive():
            entry = (await self._commit_prepared(partial(self.control.prepare_adoption, by))).entry
        return {"number": entry.number, "action": entry.action}

    async def _load(self, body: dict[str, Any]) -> dict[str, Any]:
        title = _convert_field(body, "title", str, "zones from files")
        zones = await in_thread(partial(from_data, body.get("zones")))
        async with self._exclusive():
            entry = (await self._commit_prepared(partial(self.control.prepare_load, zones, title))).entry
        return {"number": entry.number, "action": entry.action, "version": self._lab.zones.current.version}

    async def _settings(self, body: dict[str, Any]) -> dict[str, Any]:
        policy, detector = (
            _convert_field(body, "policy", Policy | None),
            _convert_field(body, "detector", Detector | None),
        )
        inventory = _convert_field(body, "inventory", Inventory | None)
        async with self._exclusive():
            self.control.policy = policy or self.control.policy
            self.control.detector = detector or self.control.detector
            if inventory is not None:
                self.control.inventory = inventory
                await self._monitor_every(inventory.check_every)
        text = f"policy {self.control.policy.name}, detector {'on' if self.control.detector.enabled else 'off'}"
        self._lab.trace.record("", LabEvent(part="dns change", text=f"settings: {text}"))
        return {"policy": self.control.policy.name, "detector": msgspec.to_builtins(self.control.detector)}

    async def _monitor_every(self, seconds: int) -> None:
        """Start to check all endpoints at this interval, in place of an earlier one; 0 only stops it."""
        if self._monitor is not None:
            self._monitor.cancel()
            await asyncio.wait([self._monitor])
            self._monitor = None
        if seconds:
            self._monitor = asyncio.create_task(self._monitor_loop(seconds))

    async def _monitor_loop(self, seconds: int) -> None:
        while True:
            for each in (await self._drift({}))["findings"]:
                text = f"severity {each['severity']}: {each['name']}: {each['text']}"
                self._lab.trace.record("", LabEvent(part="monitoring", text=text))
            await asyncio.sleep(seconds)

    async def _substitute(self, body: dict[str, Any]) -> dict[str, Any]:
        change = _convert_field(body, "change", Change)
        async with self._exclusive():
            if self._substitution is not None:
                raise LabError("a substitution is running: finish it first")
            plan = await in_thread(partial(self.control.plan, change))
            self._substitution = running = await start_substitution(self._lab, plan)
        return {"names": list(running.names), "ttl": running.ttl}

    async def _finish(self, _: dict[str, Any]) -> dict[str, Any]:
        async with self._exclusive():
            if self._substitution is None:
                raise LabError("no substitution is running")
            running, self._substitution = self._substitution, None
            with contextlib.suppress(OSError):
                await running.finish()
        return {"hits": dict(running.hits), "total": sum(running.hits.values())}


def _refusal_data(refused: RefusedError) -> dict[str, Any]:
    return {"error": str(refused), "decision": refused.decision.as_data(), "plan": refused.plan.as_data()}


def _convert_field(body: dict[str, Any], key: str, kind: type[_T] | Any, default: Any = None) -> _T | Any:
    """Convert ``body[key]`` to ``kind``; ``default`` if it is missing. Raises LabInputError with the key."""
    value = body.get(key)
    if value is None:
        value = default
        if value is not None:
            return value
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise LabInputError(f"{key}: {error}") from error
