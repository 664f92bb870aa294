"""Resolvers in a lab: the estate's entries, devices that ask them, and faults behind them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ssosim_clients.ports import DnsFailure

from ssosim.clock import VirtualClock
from ssosim.dns import delete_profile
from ssosim.estate import DnsResolver, Estate, EstateError, default_estate, parse_estate
from ssosim.faults import NameServerBlank, ValidationFailing
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.client_slots import model_device
from ssosim.trace import DnsAnswered

AUTOLOGON = "autologon.microsoftazuread-sso.com"
LOGIN = "login.microsoftonline.com"
CONTOSO = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
CORP = '\n[[resolvers]]\nname = "corp"\naddress = "10.10.0.54"\n'


def with_resolvers(*resolvers: DnsResolver) -> Estate:
    """Contoso with resolvers."""
    return msgspec.structs.replace(default_estate(), resolvers=resolvers)


def lab_of(tmp_path: Path, *resolvers: DnsResolver) -> Lab:
    """A lab on loopback in virtual time."""
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir(mode=0o700)
    return Lab(with_resolvers(*resolvers), home, cache, clock=VirtualClock(1_740_000_000.0))


async def test_devices_ask_their_resolver_and_see_the_past(tmp_path: Path) -> None:
    """TMS9-030: a device behind a resolver sees a change when the TTL is over; who asked what is in the trace."""
    corp = DnsResolver(name="corp", address="10.10.0.54")
    desk = DnsResolver(name="desk-1-cache", address="10.10.0.55", devices=("desk-1",), forward_to=("corp",))
    async with lab_of(tmp_path, corp, desk) as lab:
        clock = lab.clock
        assert isinstance(clock, VirtualClock)
        for name, by in (("desk-1", "desk-1-cache"), ("desk-2", "corp")):
            async with model_device(lab, f"model-{name}", lab.device_of(name), clock) as device:
                assert (await device.resolver.resolve(AUTOLOGON, "ipv4")).addresses == ("192.0.2.20",)
            seen = [r.event for r in lab.trace if r.client == f"model-{name}" and isinstance(r.event, DnsAnswered)]
            assert [event.by for event in seen] == [by]
        lab.zones.change(lambda zones: delete_profile(zones, "aadg-autologon"))
        async with model_device(lab, "late", lab.device_of("desk-1"), clock) as device:
            await clock.run_until(clock.now() + 290)
            assert (await device.resolver.resolve(AUTOLOGON, "ipv4")).addresses == ("192.0.2.20",)
            await clock.run_until(clock.now() + 15)
            with pytest.raises(DnsFailure, match="nodata"):
                await device.resolver.resolve(AUTOLOGON, "ipv4")
        assert lab.resolvers["corp"].stats.upstream > 0
        assert {record.client for record in lab.trace} >= {"corp", "desk-1-cache"}


async def test_faults_reach_name_servers_and_resolvers(tmp_path: Path) -> None:
    """A blank zone and failing validation affect clients behind the resolvers concerned, and no others."""
    strict = DnsResolver(name="strict", address="10.10.0.54", devices=("desk-1",), validate=True)
    async with lab_of(tmp_path, strict, DnsResolver(name="easy", address="10.10.0.55")) as lab:
        assert isinstance(lab.clock, VirtualClock)
        ValidationFailing(zone="microsoftonline.com").apply(lab)
        outcomes = {}
        for name in ("desk-1", "desk-2"):
            async with model_device(lab, name, lab.device_of(name), lab.clock) as device:
                try:
                    outcomes[name] = (await device.resolver.resolve(LOGIN, "ipv4")).addresses[0]
                except DnsFailure as failure:
                    outcomes[name] = failure.kind
        assert outcomes == {"desk-1": "servfail", "desk-2": "192.0.2.10"}
        NameServerBlank(zone="fabrikam.com", servers=(1, 2, 3, 4)).apply(lab)
        async with model_device(lab, "third", lab.device_of("desk-2"), lab.clock) as device:
            with pytest.raises(DnsFailure, match="nxdomain"):
                await device.resolver.resolve("sts.fabrikam.com", "ipv4")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CORP + CORP, "resolvers"),
        (CORP.replace("10.10.0.54", "10.10.0.53"), "is the address of a host already"),
        (CORP.replace("10.10.0.54", "localhost"), "is not an IP address"),
        (CORP + 'devices = ["desk-9"]\n', "there is no device 'desk-9'"),
        (CORP + 'forward_to = ["corp"]\n', "there is no resolver above this one 'corp'"),
        (CORP + 'devices = ["desk-1"]\n', "must be for all other devices"),
        (CORP + 'location = "here"\n', "is not a subnet"),
        (CORP + 'colour = "red"\n', "colour"),
    ],
)
def test_a_mistake_in_the_estate_has_its_place(text: str, words: str) -> None:
    """An invalid resolver: the error has file and key path."""
    assert parse_estate(CONTOSO + CORP, "mine.toml").resolvers[0].name == "corp"
    with pytest.raises(EstateError, match=words):
        parse_estate(CONTOSO + text, "mine.toml")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Any]:
    """A lab with a resolver in a private network, and its command line."""
    estate = tmp_path / "mine.toml"
    estate.write_text(CONTOSO + CORP + '\n[[resolvers]]\nname = "home"\naddress = "10.10.0.55"\ndevices = ["desk-2"]\n')
    environment = {**os.environ, "SSOSIM_HOME": str(tmp_path / "home")}

    def ssosim(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ssosim", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)

    started = ssosim("up", "--detach", "--estate", str(estate))
    assert started.returncode == 0, started.stderr
    yield ssosim
    ssosim("down")


def test_programs_ask_the_resolver(up: Any) -> None:
    """Dig in the lab gets a resolver's answers, curl signs in through it, and the cache hides a fault for a while."""
    first = up("exec", "--", "dig", LOGIN).stdout
    assert "flags: qr rd ra;" in first
    assert "SERVER: 10.10.0.54#53" in first
    assert "status: NXDOMAIN" not in first
    up("fault", "apply", "name-removed", f"name={LOGIN}")
    assert "status: NOERROR" in up("exec", "--", "dig", LOGIN).stdout
    assert "status: NXDOMAIN" in up("exec", "--", "dig", "@10.10.0.53", LOGIN).stdout
    assert "flags: qr aa rd;" in up("exec", "--", "dig", "@198.18.0.11", LOGIN).stdout
    url = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
    curl = up("exec", "--", "curl", "-s", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}", url)
    assert curl.stdout == "200"
    status = json.loads(up("status", "--json").stdout)
    assert {"part": "resolver", "what": "corp", "where": "10.10.0.54:53"} in status["labs"][0]["parts"]


def test_a_devices_own_resolver_holds_for_programs(up: Any) -> None:
    """TMS9-053: programs on a device ask the resolver that names it; those on any other ask the one for all."""
    servers = {}
    for device in ("desk-1", "desk-2"):
        said = up("exec", "--device", device, "--", "dig", LOGIN).stdout
        servers[device] = said.partition("SERVER: ")[2].partition("#")[0]
    assert servers == {"desk-1": "10.10.0.54", "desk-2": "10.10.0.55"}
