"""The client model that most models use: a flow, an SPN rule and a network-error policy.

How a sign-in proceeds
----------------------
1. *Attempt.* ``flow.attempt`` makes one silent attempt. It returns tokens, and the sign-in ends; or it raises
   ``StageFailure``, which has the stage and the failure.
2. *Decision.* The policy gets the stage, the failure, the number of the attempt in this round and the seconds since the
   round began. It returns one of four decisions:

   - ``RetryAfter(seconds)``: wait, then make the next attempt of this round.
   - ``NextRoundAfter(seconds)``: wait, then begin a new round. The number of the attempt and the time start again.
   - ``Interactive(reason)``: one interactive sign-in, if the program can show a prompt and the user is present.
   - ``Fail(message)``: the sign-in ends with an error.
3. *Report.* ``SignInReport`` is the client's own account of the sign-in. Verdicts use the trace of the lab instead.

The parts are independent. The flow is what a library sends, without policy. The retries of its HTTP stack are layers
below the flow (``flows/http.py``), since the policy of the program does not see them. The policy is what the program
does with the error that its library raises.

Rules that always hold
----------------------
- All state between attempts is in ``device.memory``. A ``Client`` is a constant, so one value serves many devices.
- Nothing but the ports of the device is awaited, so the sign-in can be cancelled at every await, and time is the
  device's.
- The failure of an interactive sign-in ends the sign-in: the user has seen the error.

What can go wrong
-----------------
- A sign-in may never return. With ``NextRoundAfter`` a client continues in the background for ever, as Office does;
  whoever runs it cancels it.
- A policy may be a user's own code. An exception, a result that is no decision, a call that does not return (see
  ``policies/guard.py``), and ``MAX_RETRIES_WITHOUT_PAUSE`` retries at the same moment end the sign-in as this client's
  failure, and the run goes on.
"""

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
"""How many retries a policy may make while the clock does not advance. More is reported as an endless loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client model made of a flow, an SPN rule and a policy. See the module's docstring.

    - ``can_prompt``: False if the program has no window for a prompt.
    - ``keeps``: what its process remembers between attempts, in one line.
    - ``domain``: the kind of domain of its user. With a user of another domain it may behave as another client.
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
        """Make attempts until there are tokens or the policy ends the sign-in. May never return."""
        attempts = attempt = retries_without_pause = 0
        round_start = device.clock.now()
        while True:
            attempts, attempt, attempt_start = attempts + 1, attempt + 1, device.clock.now()
            try:
                tokens = await self.flow.attempt(device, self.spn)
            except StageFailure as error:
                failed = error
            else:
                return SignInReport(SignInState.SILENT, attempts=attempts, tokens=tokens)
            elapsed = device.clock.now() - round_start
            try:
                decision = decide(self.policy, failed.stage, failed.failure, attempt, elapsed)
            except PolicyBrokenError as error:
                return SignInReport(SignInState.FAILED, str(error), failed.stage, attempts)
            match decision:
                case RetryAfter(seconds):
                    await device.clock.sleep(seconds)
                    advanced = device.clock.now() > attempt_start
                    retries_without_pause = 0 if advanced else retries_without_pause + 1
                    if retries_without_pause >= MAX_RETRIES_WITHOUT_PAUSE:
                        text = f"the policy asked for {retries_without_pause} retries without letting time pass"
                        return SignInReport(SignInState.FAILED, text, failed.stage, attempts)
                case NextRoundAfter(seconds):
                    await device.clock.sleep(seconds)
                    attempt, round_start = 0, device.clock.now()
                case Interactive(reason):
                    return await self._sign_in_interactively(device, reason, failed, attempts)
                case Fail(message):
                    return SignInReport(SignInState.FAILED, message, failed.stage, attempts)

    async def _sign_in_interactively(
        self, device: Device, reason: str, failed: StageFailure, attempts: int
    ) -> SignInReport:
        if not (self.can_prompt and device.user_present):
            return SignInReport(SignInState.FAILED, f"no user to prompt: {reason}", failed.stage, attempts)
        try:
            tokens = await interactive.sign_in(device, self.flow.app, reason)
        except StageFailure as error:
            return SignInReport(SignInState.FAILED, str(error), failed.stage, attempts)
        state = SignInState.INTERACTIVE if tokens else SignInState.DECLINED
        return SignInReport(state, reason, failed.stage, attempts, tokens)
