"""Check the account of a user at each request for a ticket, as a domain controller does, at the KDC gateway.

The KDC's database has the attributes of disabled and locked accounts, so an MIT KDC refuses their sign-on by itself.
The gateway refuses what an MIT KDC would not: a service ticket for a ticket-granting ticket from before (MS-KILE
section 3.3.5.7.1), the sign-on to an account that has expired, and one without a common encryption type, which an MIT
KDC takes for a failure of pre-authentication; with the errors that a domain controller sends. In a realm of Samba the
gateway refuses all of it: the directory there knows nothing of the state of an account.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ssosim.clock import Clock
from ssosim.estate import Estate
from ssosim.faults.core.account_states import AccountRefusal, AccountStates
from ssosim.faults.core.errors import FaultError
from ssosim.kerberos import KdcEndpoint, RealmError, RealmKdcs
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.enctypes import enctype_name
from ssosim.kerberos.gateway import Forward, KdcRequestContext
from ssosim.kerberos.messages import KdcReply, KdcRequest, build_error, read_message, read_reply_ticket
from ssosim.kerberos.realm_accounts import RealmAccounts
from ssosim.kerberos.ticket_ages import TicketAges

__all__ = ["AccountChecks"]

_CHANGE_PASSWORD = "kadmin/changepw"  # noqa: S105 - a service principal, not a password


class AccountChecks:
    """The accounts of the users of ``estate`` at its KDCs ``kdcs``.

    ``signed_on`` has the time of the sign-on of client models, by client: their ticket-granting ticket is a copy of one
    that the lab got in real time. Times are those of ``clock``.
    """

    def __init__(self, estate: Estate, kdcs: RealmKdcs, clock: Clock, signed_on: Mapping[str, float]) -> None:
        self._estate = estate
        self._clock = clock
        self._signed_on = signed_on
        self._ages = TicketAges()
        files_of = [(realm.name, kdcs.list_copies(realm.name)) for realm in estate.realms]
        self._of_samba = {name for name, copies in files_of if any(each.samba is not None for each in copies.values())}
        copies = {
            (name, host): files
            for name, copies in files_of
            if name not in self._of_samba
            for host, files in copies.items()
        }
        self.states = AccountStates(estate, _make_show(RealmAccounts(estate, copies)))

    def note_reply(self, request: bytes, reply: bytes, message: KdcReply) -> None:
        """Remember a ticket-granting ticket that a client gets. ``message`` is what is read in ``reply``."""
        self._ages.note_reply(request, reply, message, self._clock.now())

    async def respond(self, request: KdcRequestContext, forward: Forward) -> bytes | None:
        """Answer a request: a refusal because of the account, or the reply of the KDC."""
        refusal = self.build_refusal(request)
        return self.check_reply(request, await forward(request.data)) if refusal is None else refusal

    def check_reply(self, request: KdcRequestContext, reply: bytes | None) -> bytes | None:
        """Return the KDC's ``reply``, or an error instead of a service ticket to a client that is known only now.

        A ticket-granting ticket may be from another run of the lab, whose realm has the same keys. The reply names its
        owner, and it is taken to be older than 20 minutes.
        """
        message = request.message
        if reply is None or not self.states.may_refuse or not isinstance(message, KdcRequest) or message.kind != "TGS":
            return reply
        issued, realm = read_message(reply), self._realm_of(request.kdc)
        if not isinstance(issued, KdcReply) or self._ages.find_owner(request.data) is not None:
            return reply
        read = read_reply_ticket(reply)
        user = None if read is None or read.client_realm != realm else self.states.find_user(issued.principal, realm)
        if user is None:
            return reply
        refusal = self.states.refuse_ticket(user, float("inf"), self._clock.now(), request.kdc.name)
        if refusal is None:
            return reply
        request.faults.extend(refusal.faults)
        return build_error(refusal.code, message.realm, tuple(message.service.split("/")), time.time())

    def build_refusal(self, request: KdcRequestContext) -> bytes | None:
        """Return the error of a domain controller that an MIT KDC would not send; None where the KDC decides.

        The faults behind a refusal of either are added to those of the request.
        """
        message, now = request.message, self._clock.now()
        if not isinstance(message, KdcRequest) or not self.states.may_refuse:
            return None
        refusal = self._find_refusal(request, message, now)
        if refusal is None:
            return None
        request.faults.extend(refusal.faults)
        user = self.states.find_user(message.principal, self._realm_of(request.kdc))
        own = refusal.code == KrbCode.KDC_ERR_ETYPE_NOSUPP or (user is not None and user.has_expired(now))
        own = own or self._realm_of(request.kdc) in self._of_samba
        if message.kind == "AS" and not own:
            return None
        return build_error(refusal.code, message.realm, tuple(message.service.split("/")), time.time())

    def _find_refusal(self, request: KdcRequestContext, message: KdcRequest, now: float) -> AccountRefusal | None:
        realm = self._realm_of(request.kdc)
        if message.kind == "AS":
            user = self.states.find_user(message.principal, realm)
            offered = tuple(enctype_name(each) for each in message.etypes)
            refusal = None if user is None else self.states.refuse_sign_on(user, now, request.kdc.name, offered)
            # With an expired password a user gets a ticket for the service that changes it (MS-KILE section 3.3.5.6.3).
            changes = refusal is not None and refusal.code == KrbCode.KDC_ERR_KEY_EXPIRED
            return None if changes and message.service == _CHANGE_PASSWORD else refusal
        owner = self._ages.find_owner(request.data)
        user = None if owner is None else self.states.find_user(owner.principal, owner.realm)
        if owner is None or user is None or owner.realm != realm:  # of another domain: it cannot be checked here
            return None
        began = self._signed_on.get(request.client, owner.signed_on)
        return self.states.refuse_ticket(user, now - began, now, request.kdc.name)

    def _realm_of(self, kdc: KdcEndpoint) -> str:
        return kdc.realm or self._estate.default_realm.name


def _make_show(accounts: RealmAccounts) -> Callable[[Estate, Mapping[str, Estate]], None]:
    def show(estate: Estate, lagging: Mapping[str, Estate]) -> None:
        try:
            accounts.show(estate, lagging)
        except (RealmError, OSError) as error:
            raise FaultError(f"the accounts of the realm cannot be changed: {error}") from error

    return show
