"""Replies as the effect of a fault changes them: pure functions, for servers on sockets and in memory."""

from __future__ import annotations

import dns.flags
import msgspec
from dns.rcode import Rcode
from dns.rdataclass import IN
from msgspec.structs import replace

from ssosim.dns.server.bounds import HEADER
from ssosim.dns.server.effect import AnswerFunction, Effect
from ssosim.dns.server.wire_format import (
    Reply,
    Transport,
    client_subnet,
    make_error_reply,
    make_use,
    read_query,
    render_response,
    with_dnssec_ok,
    with_extended_error,
)
from ssosim.dns.zones.query_context import ANYBODY, QueryContext, network
from ssosim.trace import DnsAnswered

__all__ = ["apply_effect", "make_dropped_event", "name_faults", "respond_with"]


def make_dropped_event(event: DnsAnswered, faults: tuple[int, ...] = ()) -> DnsAnswered:
    """The trace event for an answer that the faults with these numbers drop: response code DROPPED, no records."""
    return msgspec.structs.replace(event, rcode="DROPPED", answers=(), faults=faults)


def name_faults(event: DnsAnswered, healthy: DnsAnswered, effect: Effect) -> DnsAnswered:
    """Return ``event``, sent instead of ``healthy``, with the numbers of the faults that changed it.

    A replacement that is the same as the answer that it replaces is no change, and neither is a delay: an answer that
    comes too late for a client is ``DROPPED``.
    """
    if effect.replacement is not None:
        if (event.rcode, event.answers) == (healthy.rcode, healthy.answers):
            return msgspec.structs.replace(event, faults=healthy.faults)
        return msgspec.structs.replace(event, faults=(*event.faults, *effect.faults))
    return msgspec.structs.replace(event, faults=(*(() if effect.final else healthy.faults), *effect.faults))


def apply_effect(reply: Reply, query: bytes, effect: Effect) -> Reply:
    """``reply`` as ``effect`` changes it. ``replacement`` does not apply to a query that could not be parsed."""
    event = reply.event
    if effect.rcode is not None:
        error = make_error_reply(query, effect.rcode, name=event.name, rdtype=event.type, transport=event.transport)
        return with_extended_error(error, query, effect.extended_error)
    if effect.truncate:
        bare = make_error_reply(query, Rcode.NOERROR, name=event.name, rdtype=event.type, transport=event.transport)
        tail = bytes((bare.tail[0] | (dns.flags.TC >> 8),)) + bare.tail[1:]
        return Reply(tail, msgspec.structs.replace(event, rcode="TRUNCATED", answers=()))
    if effect.replacement is not None and event.name:
        return respond_with(effect.replacement, query, event.transport) or reply
    return reply


def respond_with(
    answer_function: AnswerFunction, query: bytes, transport: Transport, context: QueryContext = ANYBODY
) -> Reply | None:
    """The reply to a readable query of class IN, with the answer of ``answer_function``; None for any other query.

    The client subnet in the query replaces that of ``context``.
    """
    if len(query) < HEADER or query[2] & 0x80:
        return None
    message = read_query(query)
    if isinstance(message, Rcode) or message.edns > 0 or message.question[0].rdclass != IN:
        return None
    question = message.question[0]
    subnet = client_subnet(message)
    if subnet is not None and subnet.scopelen:
        return None
    if subnet is not None and subnet.srclen:
        context = replace(context, subnet=network(f"{subnet.address}/{subnet.srclen}"))
    context = with_dnssec_ok(context, message)
    answer = answer_function(question.name, question.rdtype, context)
    event = answer.event(transport)
    return Reply(render_response(message, answer, transport)[2:], event, make_use(answer, event), "nobody")
