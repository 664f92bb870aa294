"""The client that most models are: attempt silently, let the policy decide, ask if it says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from ssosim_clients.failures import StageFailure
from ssosim_clients.flows import interactive
from ssosim_clients.flows.native import Flow, NativeFlow
from ssosim_clients.models.base import SignInReport, SignInState
from ssosim_clients.policies import Fail, Interactive, NextRoundAfter, Policy, RetryAfter
from ssosim_clients.policies.guard import PolicyBrokenError, decide
from ssosim_clients.ports import Device
from ssosim_clients.spn.rule import NO_TICKET, SpnRule

__all__ = ["MAX_RETRIES_WITHOUT_PAUSE", "Client"]

MAX_RETRIES_WITHOUT_PAUSE: Final = 100
"""Attempts that a policy may ask for without letting any time pass; more is an endless loop, and reported as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A model put together from parts. ``can_prompt`` False: the program has no window to ask in.

    ``domain`` is the kind of domain that its user is of; played for another user, it may be another client.

    ``keeps`` says in one line what its process remembers between attempts. A policy that breaks, by an exception or by
    not returning, ends the sign-in as this client's own failure.
    """

    name: str
    description: str
    sources: tuple[str, ...]
    spn: SpnRule = NO_TICKET
    policy: Policy
    flow: Flow = field(default_factory=NativeFlow)
    can_prompt: bool = True
    keeps: str = "nothing"
    domain: Literal["managed", "federated"] = "managed"

    async def sign_in(self, device: Device) -> SignInReport:
        """Attempt in rounds until there is a token or the policy ends it; may never return."""
        attempts = attempt = hurried = 0
        began = device.clock.now()
        while True:
            attempts, attempt, started = attempts + 1, attempt + 1, device.clock.now()
            try:
                tokens = await self.flow.attempt(device, self.spn)
            except StageFailure as error:
                stopped = error
            else:
                return SignInReport(SignInState.SILENT, attempts=attempts, tokens=tokens)
            elapsed = device.clock.now() - began
            try:
                decision = decide(self.policy, stopped.stage, stopped.failure, attempt, elapsed)
            except PolicyBrokenError as error:
                return SignInReport(SignInState.FAILED, str(error), stopped.stage, attempts)
            match decision:
                case RetryAfter(seconds):
                    await device.clock.sleep(seconds)
                    hurried = 0 if device.clock.now() > started else hurried + 1
                    if hurried >= MAX_RETRIES_WITHOUT_PAUSE:
                        text = f"the policy asked for {hurried} retries without letting time pass"
                        return SignInReport(SignInState.FAILED, text, stopped.stage, attempts)
                case NextRoundAfter(seconds):
                    await device.clock.sleep(seconds)
                    attempt, began = 0, device.clock.now()
                case Interactive(reason):
                    return await self._ask(device, reason, stopped, attempts)
                case Fail(message):
                    return SignInReport(SignInState.FAILED, message, stopped.stage, attempts)

    async def _ask(self, device: Device, reason: str, stopped: StageFailure, attempts: int) -> SignInReport:
        """One interactive sign-in. Its own failure ends the sign-in: the person has seen the error."""
        if not (self.can_prompt and device.user_present):
            return SignInReport(SignInState.FAILED, f"nobody to ask: {reason}", stopped.stage, attempts)
        try:
            tokens = await interactive.sign_in(device, self.flow.app, reason)
        except StageFailure as error:
            return SignInReport(SignInState.FAILED, str(error), stopped.stage, attempts)
        state = SignInState.INTERACTIVE if tokens else SignInState.DECLINED
        return SignInReport(state, reason, stopped.stage, attempts, tokens)
