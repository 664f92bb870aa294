"""A program that tries to get a packet out of the lab: whatever its privileges allow, to the addresses it is given.

Usage: ``escape.py [--gently] MARK PORT ADDRESS ...``. Prints the plain attempts that did not fail at once as
unreachable. Gently: by plain sockets and echo requests only, and without new routes, for a run outside of any lab.
"""

import contextlib
import errno
import socket
import struct
import subprocess
import sys

gently = sys.argv[1] == "--gently"
mark, port, *addresses = sys.argv[2:] if gently else sys.argv[1:]
mark, port = mark.encode(), int(port)
UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH)


def family(address):
    """By the look of the address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def plain(address):
    """TCP and UDP, as any program does; what did not fail as unreachable."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family(address), kind) as trying:
            trying.settimeout(0.3)
            try:
                trying.connect((address, port))
                trying.send(mark)
                yield f"{kind.name} {address} sent"
            except OSError as error:
                if error.errno not in UNREACHABLE:
                    yield f"{kind.name} {address} {error}"


def checksum(data):
    """Of an IPv4 header."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~((total >> 16) + total + ((total >> 16) + total >> 16)) & 0xFFFF


def udp_packet(to):
    """An IPv4 packet with a UDP datagram, made by hand; the UDP checksum is left out, which is allowed."""
    payload = struct.pack("!HHHH", 4444, port, 8 + len(mark), 0) + mark
    source = socket.inet_aton("100.64.1.1")
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0) + source + socket.inet_aton(to)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def raw(address):
    """IP and Ethernet made by hand; needs privileges."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as packets:
        packets.sendto(udp_packet(address), (address, 0))
    with contextlib.suppress(OSError), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as frames:
        frames.bind(("eth0", 0))
        for target in (b"\xff" * 6, neighbour()):
            frames.send(target + b"\x02\0\0\0\0\x01" + b"\x08\0" + udp_packet(address))


def echo(address):
    """An ICMP echo request, by a raw socket (needs privileges) and by an unprivileged one."""
    request = struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0)
    for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as icmp:
            icmp.sendto(request, (address, 0))


def neighbour():
    """The link address of the lab's end."""
    said = subprocess.run(["ip", "neigh"], capture_output=True, text=True, check=False).stdout.split()
    return bytes.fromhex(said[said.index("lladdr") + 1].replace(":", "")) if "lladdr" in said else b"\xff" * 6


def reroute():
    """Routes to everywhere, by way of the lab; needs privileges."""
    for line in (
        "route add default via 100.64.0.1",
        "route add default via 2001:db8:64::1",
        "link set eth0 promisc on",
    ):
        subprocess.run(["ip", *line.split()], capture_output=True, check=False)


for each in addresses:
    print(*plain(each), sep="\n", end="")
    if ":" not in each:
        echo(each)
with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract:
    abstract.connect(b"\0" + mark)
    print("abstract socket reached")
if not gently:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as broadcast:
        broadcast.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for to in ("255.255.255.255", "224.0.0.251"):
            broadcast.sendto(mark, (to, port))
    reroute()
    for each in addresses:
        list(plain(each))
        if ":" not in each:
            echo(each)
            raw(each)
