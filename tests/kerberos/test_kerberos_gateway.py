from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ssosim.kerberos import (
    Address,
    ClientOptions,
    Forward,
    GatewayLimits,
    KdcGateway,
    KdcRequestContext,
    KinitError,
    KinitErrorKind,
    write_krb5_conf,
)
from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.free_ports import bind_pair
from ssosim.kerberos.kinit import kinit
from ssosim.kerberos.messages import KrbError, build_as_request, build_error, read_message
from ssosim.trace import KdcExchange, Trace

REALM = "CORP.CONTOSO.COM"
AUTOLOGON = "HTTP/autologon.microsoftazuread-sso.com"
TGT = f"krbtgt/{REALM}"
REQUEST = build_as_request(REALM, "alice")


async def ask_tcp(address: Address, data: bytes) -> bytes:
    """Send one message on a new connection; the reply."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(len(data).to_bytes(4, "big") + data)
    try:
        async with asyncio.timeout(60):
            return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    finally:
        writer.close()
        await asyncio.sleep(0)


async def ask_udp(address: Address, *datagrams: bytes, sure: int = 0, wait: float = 1.0) -> list[bytes]:
    """Send from one socket; the replies until all are there or none has come for ``wait`` seconds.

    ``sure`` replies come in any case, however slow the machine is.
    """
    loop = asyncio.get_running_loop()
    answers = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect(address)
        for datagram in datagrams:
            await loop.sock_sendall(client, datagram)
        try:
            while len(answers) < len(datagrams):
                async with asyncio.timeout(60 if len(answers) < sure else wait):
                    answers.append(await loop.sock_recv(client, 65536))
        except TimeoutError:
            pass
    return answers


async def wait_for(true: Callable[[], bool]) -> None:
    """Wait until something has come true."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - neither a trace nor a gateway wakes anybody
            await asyncio.sleep(0.01)


async def run_tool(site: Any, *command: str) -> str:
    """The output of a Kerberos program that uses the site."""
    env = {"KRB5_CONFIG": str(site.krb5_conf), "KRB5CCNAME": f"FILE:{site.ccache}", "LC_ALL": "C"}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=env
    )
    output, _ = await process.communicate()
    return output.decode()


@pytest.mark.parametrize(("limit", "transport"), [(None, "udp"), (1, "tcp")])
async def test_sign_on_and_ticket_are_seen(new_site: Any, limit: int | None, transport: str) -> None:
    """Kinit and kvno through the gateway work over UDP and TCP, and every exchange is in the trace."""
    site = await new_site(options=ClientOptions(udp_preference_limit=limit))
    await site.sign_on()
    assert "kvno = 1" in await run_tool(site, "/usr/bin/kvno", AUTOLOGON)
    exchanges = site.exchanges()
    assert [(e.request, e.service, e.principal, e.outcome) for e in exchanges] == [
        ("AS", TGT, "alice", "KDC_ERR_PREAUTH_REQUIRED"),
        ("AS", TGT, "alice", "issued"),
        ("TGS", AUTOLOGON, "", "issued"),
    ]
    assert {e.transport for e in exchanges} == {transport}
    assert {e.realm for e in exchanges} == {REALM}


async def test_unknown_service_is_named(site: Any) -> None:
    """TMS9-082: a TGS-REQ for a CNAME's target shows the SPN and KDC_ERR_S_PRINCIPAL_UNKNOWN."""
    await site.sign_on()
    output = await run_tool(site, "/usr/bin/kvno", "HTTP/www.tm.a.prd.aadg.trafficmanager.net")
    assert "not found in Kerberos database" in output
    last = site.exchanges()[-1]
    assert (last.request, last.service) == ("TGS", "HTTP/www.tm.a.prd.aadg.trafficmanager.net")
    assert last.outcome == "KDC_ERR_S_PRINCIPAL_UNKNOWN"


async def test_address_says_who(site: Any, tmp_path: Path) -> None:
    """Each device may have a gateway address of its own; the exchanges are attributed by it."""
    second = await site.gateway.start()
    conf = tmp_path / "second.conf"
    write_krb5_conf(conf, REALM, "corp.contoso.com", (second,))
    await site.sign_on()
    await kinit("bob", "Bob-lab-password-1", conf, tmp_path / "second.ccache")
    seen = {(record.client, record.event.principal) for record in site.trace}
    assert seen == {(f"client-at-{site.address.host}", "alice"), (f"client-at-{second.host}", "bob")}


async def test_several_messages_on_one_connection(site: Any) -> None:
    """A TCP connection may carry several requests (RFC 4120, section 7.2.2)."""
    reader, writer = await asyncio.open_connection(*site.address)
    for _ in range(3):
        writer.write(len(REQUEST).to_bytes(4, "big") + REQUEST)
        reply = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
        assert isinstance(read_message(reply), KrbError)
    writer.close()
    assert len(site.exchanges()) == 3


async def test_oversized_length_is_refused(site: Any) -> None:
    """A length over the limit gets KRB_ERR_FIELD_TOOLONG and the connection is closed; the gateway continues."""
    reader, writer = await asyncio.open_connection(*site.address)
    writer.write(b"\xff\xff\xff\xff" + bytes(100))
    reply = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    message = read_message(reply)
    assert isinstance(message, KrbError)
    assert message.name == "KRB_ERR_FIELD_TOOLONG"
    # The rest of the bytes was not read, so the end may come as a reset.
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    await site.sign_on()


async def test_garbage_is_passed_on_and_written_down(site: Any) -> None:
    """Bytes that are no Kerberos message are forwarded too, and are unreadable in the trace."""
    for data in (b"\x00", b"GET / HTTP/1.1\r\n\r\n", REQUEST[:-1]):
        await ask_udp(site.address, data, wait=0.05)
    site.gateway._limits = GatewayLimits(answer_timeout=0.05)
    with pytest.raises(asyncio.IncompleteReadError):
        await ask_tcp(site.address, b"not kerberos")
    assert [e.request for e in site.exchanges()][-1] == "unreadable"
    await site.sign_on()


async def test_repetition_while_waiting_is_one_exchange(site: Any) -> None:
    """A datagram repeated while the first is processed is dropped; repeated later it is a new exchange."""
    await ask_udp(site.address, REQUEST, REQUEST, REQUEST, sure=1, wait=0.2)
    assert len(site.exchanges()) == 1
    await ask_udp(site.address, REQUEST, sure=1)
    assert len(site.exchanges()) == 2


async def test_silent_kdc_is_no_answer() -> None:
    """A KDC that does not answer in time: outcome "no answer", over UDP and TCP, whether it listens or not."""
    udp, tcp = bind_pair(None, 0)
    silent = Address(*udp.getsockname())
    trace = Trace()
    gateway = KdcGateway(silent, trace, lambda _r, _l: "c", limits=GatewayLimits(answer_timeout=0.05))
    address = await gateway.start()
    assert await ask_udp(address, REQUEST, wait=0.2) == []
    with pytest.raises(asyncio.IncompleteReadError):
        await ask_tcp(address, REQUEST)
    await wait_for(lambda: len(trace) == 2)
    udp.close()
    tcp.close()
    assert await ask_udp(address, REQUEST, wait=0.2) == []
    await wait_for(lambda: len(trace) == 3)
    with pytest.raises(asyncio.IncompleteReadError):
        await ask_tcp(address, REQUEST)
    await gateway.stop()
    events = [record.event for record in trace if isinstance(record.event, KdcExchange)]
    assert [e.outcome for e in events] == ["no answer"] * 4


async def test_outstanding_requests_are_bounded() -> None:
    """Requests over the limit are dropped at once."""
    udp, tcp = bind_pair(None, 0)
    trace = Trace()
    limits = GatewayLimits(answer_timeout=600, outstanding=10)
    gateway = KdcGateway(Address(*udp.getsockname()), trace, lambda _r, _l: "c", limits=limits)
    address = await gateway.start()
    flood = [build_as_request(REALM, "alice", nonce) for nonce in range(1, 31)]
    await ask_udp(address, *flood, wait=0.1)
    await wait_for(lambda: len(trace) + len(gateway._tasks) >= 30)
    assert len(gateway._tasks) == 10
    assert len(trace) == 20
    await gateway.stop()
    udp.close()
    tcp.close()


async def test_connections_are_bounded(site: Any) -> None:
    """A connection over the limit is closed; when one ends, another is accepted."""
    site.gateway._limits = GatewayLimits(connections=1)
    _, first = await asyncio.open_connection(*site.address)
    await asyncio.sleep(0.05)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await ask_tcp(site.address, REQUEST)
    first.close()
    reply = b""
    async with asyncio.timeout(60):
        while not reply:  # until the gateway has noticed the end of the first
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
                reply = await ask_tcp(site.address, REQUEST)
    assert isinstance(read_message(reply), KrbError)


async def test_faults_sit_in_one_hook(site: Any) -> None:
    """A fault can refuse, delay and lose; the trace has the result for the client."""

    async def refuse(_asked: KdcRequestContext, _forward: Forward) -> bytes | None:
        return build_error(KrbCode.KDC_ERR_POLICY, REALM, ("krbtgt", REALM), 0)

    async def lose(asked: KdcRequestContext, forward: Forward) -> bytes | None:
        await forward(asked.data)
        return None

    async def delay(asked: KdcRequestContext, forward: Forward) -> bytes | None:
        await asyncio.sleep(0.05)
        return await forward(asked.data)

    site.gateway.responder = refuse
    with pytest.raises(KinitError):
        await site.sign_on()
    assert site.exchanges()[-1].outcome == "KDC_ERR_POLICY"
    site.gateway.responder = lose
    before = len(site.exchanges())
    assert await ask_udp(site.address, REQUEST, wait=0.1) == []
    await wait_for(lambda: len(site.exchanges()) > before)
    assert site.exchanges()[-1].outcome == "no answer"
    site.gateway.responder = delay
    begin = asyncio.get_running_loop().time()
    await site.sign_on()
    assert asyncio.get_running_loop().time() - begin > 0.1
    site.gateway.responder = None
    await site.sign_on()


async def test_stopped_gateway_is_not_there(site: Any) -> None:
    """After stop nothing listens, with clients connected or not."""
    _, writer = await asyncio.open_connection(*site.address)
    await asyncio.sleep(0.02)
    await site.gateway.stop()
    writer.close()
    with pytest.raises(KinitError) as caught:
        await site.sign_on()
    assert caught.value.kind is KinitErrorKind.KDC_UNREACHABLE
