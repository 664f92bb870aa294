"""A device for code in the process of a test: within its block, Python's sockets belong to a device of the lab.

``sso_lab.device("desk-1", name="mine")`` makes a ``PatchedDevice``. Its parts: ``patched_network`` resolves and
connects, ``default_trust`` replaces the CAs of the machine, ``kerberos_environment`` sets the variables of libkrb5.
``ssosim.lab.base.socket_policy`` says which code is in the block.

A destination outside of the lab raises OutsideLabError. Code under test may catch it as it catches any exception, and
then do what it does when the network fails. So the device notes each refusal, and raises it again at the end of the
block, and in ``verdict``, if it did not reach the test.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from ssosim_clients.spn import RULES

from ssosim.estate import Device, User
from ssosim.kerberos import Address
from ssosim.kerberos.kinit import ClientOptions, restrict_enctypes
from ssosim.lab.base.client_conf import write_client_conf
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.kerberos_environment import enter_environment, leave_environment
from ssosim.lab.base.resolver_choice import resolver_addresses
from ssosim.lab.base.socket_policy import OutsideLabError, applied
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.stub_resolver import LabResolver
from ssosim.testing.lab_call import CallLab
from ssosim.testing.patched_network import PatchedNetwork
from ssosim.trace import ClientFinished, Record, UserPrompted
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.pauses import select_pauses

__all__ = ["DeviceOptions", "PatchedDevice"]

_DISCARD = 9
_MOST_REFUSED = 100
_OPTIONS = ClientOptions(dns_canonicalize_hostname="false", rdns=False)  # the names are canonicalised before
_RULE = RULES["mit-default"]


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """The arguments of ``HostedLab.device``."""

    name: str
    allow: Collection[str] = ()
    dns_timeout_s: float = 5.0


class PatchedDevice:
    """A device of the lab for Python code of this process. A context manager, which may be entered several times.

    ``name`` is the client's name in the trace. ``upn`` and ``password`` are of the user who is signed on.
    ``was_entered`` tells whether a block has begun yet.
    """

    def __init__(self, call: CallLab, lab: Lab, address: str, device: Device, options: DeviceOptions) -> None:
        self.name = options.name
        self.was_entered = False
        self._call = call
        self._lab = lab
        self._device = device
        self._user: User = lab.user_of(device)
        self.upn, self.password = self._user.upn, self._user.password
        self._entered: list[tuple[applied, FrameType | None]] = []
        self._refused: list[OutsideLabError] = []
        self._home = lab.home / "models" / address
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._resolver = LabResolver(
            address,
            [lab.endpoint(each, 53) for each in resolver_addresses(lab.estate, device)],
            lab.estate.default_realm.domain,
        )
        self._network = PatchedNetwork(
            name=options.name,
            lab=lab,
            call=call,
            refuse=self._refuse,
            own=address,
            resolver=self._resolver,
            foreign=call(_find_foreign_host),
            tls_context=lab.ca.client_context(),
            ipv6=device.ipv6,
            timeout_s=options.dns_timeout_s,
            canonicalize_host=self._canonicalize_host,
            allowed=frozenset(options.allow),
            is_open=lambda: bool(self._entered),
        )
        self._environment = call(self._prepare_kerberos)
        self._began, self._mark = lab.clock.now(), lab.trace.last_seq

    def __enter__(self) -> Self:
        enter_environment(self.name, self._environment)
        self.was_entered = True
        if not self._entered:
            self._began, self._mark = self._lab.clock.now(), self._lab.trace.last_seq
            self._refused.clear()
        block = applied(self._network)
        block.__enter__()
        self._entered.append((block, sys._getframe(1)))  # noqa: SLF001 - the function with the block
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        swallowed = [refusal for refusal in self._refused if not self._has_reached_test(refusal, error)]
        block, _frame = self._entered.pop()
        block.__exit__(kind, error, None)
        leave_environment()
        if not self._entered:
            self._call(self._close_resolver)
            if self.records():
                self._record(ClientFinished(program=self.name, exit_code=0 if error is None else 1))
        if swallowed:
            self._refused.clear()
            raise swallowed[0]

    def verdict(self) -> Verdict:
        """Judge the code in the block from the trace, since the block began.

        Call it after the block: within the block the client still runs, and one that has not signed in yet is
        *stalled*. Raises OutsideLabError if the code was refused and caught the error, and LabInputError if there was
        no block.
        """
        if not self.was_entered:
            raise LabInputError(f"verdict of {self.name}: no code ran on this device; use it in a `with` block first")
        for refusal in self._refused:
            if not self._has_reached_test(refusal, None):
                raise refusal
        records = self._lab.trace.since(self._mark)
        return judge([record for record in records if record.client == self.name], self._began, select_pauses(records))

    def records(self) -> tuple[Record, ...]:
        """Return the records of this client since its block began."""
        return tuple(record for record in self._lab.trace.since(self._mark) if record.client == self.name)

    def prompt_password(self, reason: str = "") -> str:
        """Ask the user, who types the right password. The trace records the prompt, so the sign-in is interactive."""
        self._record(UserPrompted(reason=f"password of {self.upn}: {reason}"))
        return self.password

    def _record(self, event: ClientFinished | UserPrompted) -> None:
        async def record(lab: Lab) -> None:
            lab.trace.record(self.name, event)

        self._call(record)

    def _refuse(self, text: str) -> OutsideLabError:
        error = OutsideLabError(text)
        if len(self._refused) < _MOST_REFUSED:
            self._refused.append(error)
        return error

    def _has_reached_test(self, refusal: OutsideLabError, ending: BaseException | None) -> bool:
        """Whether the test itself saw ``refusal``: it ends the block, or a function of the test caught it."""
        while ending is not None:
            if ending is refusal:
                return True
            ending = ending.__cause__ or ending.__context__
        caught = refusal.__traceback__.tb_frame if refusal.__traceback__ is not None else None
        if caught is None:
            return False
        return caught.f_code.co_name.startswith("test") or any(caught is frame for _, frame in self._entered)

    async def _prepare_kerberos(self, lab: Lab) -> dict[str, str]:
        """Write the Kerberos files of the device; return the variables that name them."""
        conf, ccache = self._home / "krb5.conf", self._home / "ccache"
        kdcs: dict[str, list[Address]] = {lab.estate.default_realm.name: [Address(self._network.own, _DISCARD)]}
        if self._device.corporate_network:
            kdcs = {}
            for kdc, address in (await lab.gateway_for(self._network.own)).items():
                kdcs.setdefault(kdc.realm, []).append(address)
            ccache.unlink(missing_ok=True)
            await _copy_ticket(lab, self._user, self._device, ccache)
            lab.follow_clock(self.name, self._user, self._device, ccache)
        options = restrict_enctypes(self._device.permitted_enctypes, _OPTIONS)
        write_client_conf(conf, lab.estate, kdcs, options)
        return {"KRB5_CONFIG": str(conf), "KRB5CCNAME": f"FILE:{ccache}"}

    async def _close_resolver(self, _: Lab) -> None:
        await self._resolver.close()

    def _canonicalize_host(self, host: str) -> str:
        """Return the host name that libkrb5 forms with its default settings from the DNS of the lab."""

        async def form(lab: Lab) -> str:
            domain = lab.estate.default_realm.domain
            return await _RULE.form_spn(_RULE.form_pairs[0], host, self._resolver, search_domain=domain)

        return self._call(form).partition("/")[2]


async def _find_foreign_host(lab: Lab) -> tuple[str, int]:
    return await lab.foreign_host_endpoint()


async def _copy_ticket(lab: Lab, user: User, device: Device, target: Path) -> None:
    found = await lab.find_ticket(user, "", device)
    if found is not None:
        shutil.copyfile(found, target)
