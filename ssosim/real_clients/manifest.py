"""The manifest of a real client, ``client.toml``, as frozen values. Mistakes are reported with file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from ssosim_clients.catalogue import MODELS
from ssosim_clients.policies.registry import list_policy_names

from ssosim.estate.device_choice import DeviceChoice
from ssosim.estate.toml import TomlMistakeError, convert_toml, format_mistake, read_text
from ssosim.estate.toml_lines import KeyPath
from ssosim.lab.scripted_user import BEHAVIOURS
from ssosim.nearest import suggest_nearest
from ssosim.verdict.expectations import AnyExpectation, find_expectation_mistake

__all__ = ["FILE_NAME", "ClientSet", "Deviation", "Differs", "Flow", "Manifest", "RealClient", "read_manifest"]

FILE_NAME = "client.toml"
Differs = Literal["outcome", "spn", "requests"]
ClientSet = Literal["sign-in", "spnego", "credentials"]
"""Which matrix the flows of a client belong to: sign-ins of a person, HTTP libraries with Negotiate, or credentials of
a program."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DEBIAN_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")  # Debian Policy 5.6.1
_MAX_DEADLINE_S = 3600.0


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, unknown keys refused."""


class Deviation(_Frozen, frozen=True, kw_only=True):
    """A known difference between a flow and its model.

    ``phase`` is a phase's name, ``scenario#phase``, ``scenario#*``, or ``*``.

    ``at_times``: chance decides whether it occurs, so it is no mistake if it does not.
    """

    phase: str
    differs: Differs
    reason: str
    at_times: bool = False


class Flow(_Frozen, frozen=True, kw_only=True):
    """One way in which a client signs in: a program that is one attempt.

    ``run`` and ``environment`` may contain ``{home}``, the folder where the client is installed. ``device`` is one of
    the estate's by name, or by the kind of its user; by default its first. ``model`` is the client model of this flow;
    ``policy`` replaces that model's policy if the program handles network errors differently. ``person`` is the
    behaviour of the scripted user when a page opens; ``etc`` a folder of the client whose files appear in the device's
    ``/etc``; ``deadline`` is in seconds.

    ``kind`` is a group of clients of which scenarios expect something. ``expect`` are expectations of this flow by
    phase: the phase's name, ``scenario#phase``, ``scenario#*``, or ``*`` for any phase. They precede those of a
    scenario. ``last_step`` is the step that completes the sign-in, if that is not a token.
    """

    name: str
    title: str
    run: tuple[str, ...]
    device: str | DeviceChoice | None = None
    model: str | None = None
    policy: str | None = None
    person: str = BEHAVIOURS[0]
    etc: str | None = None
    environment: dict[str, str] = {}
    deadline: float = 60.0
    deviations: tuple[Deviation, ...] = ()
    kind: str = ""
    expect: dict[str, AnyExpectation] = {}
    last_step: Literal["wstrust-ticket", "wstrust-password"] | None = None


class Manifest(_Frozen, frozen=True, kw_only=True):
    """A real client: its title and source, its prerequisites, its installation steps, and its flows.

    ``needs`` are programs that must be on PATH, ``packages`` the Debian packages that contain them.
    ``debian_packages`` are unpacked into ``{home}/debian`` before the installation steps, with the packages that they
    need and the machine lacks. ``install`` are the
    installation steps, run in a copy of the client's folder. Without steps nothing is copied, and the client runs in
    its own folder. ``scenarios`` are files of the user's scenarios, relative to the folder, so that flows can name
    their phases (``ssosim.real_clients.phase_keys``). ``unattended`` is a program for devices without a person, which
    scenarios do not play: its arguments are a credential and settings (``managed-identity client_id=...``). It may
    contain ``{home}``. ``set`` says in which matrix its flows are played.
    """

    name: str
    title: str
    set: ClientSet = "sign-in"
    flows: tuple[Flow, ...] = ()
    scenarios: tuple[str, ...] = ()
    unattended: tuple[str, ...] = ()
    source: str = ""
    needs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    debian_packages: tuple[str, ...] = ()
    install: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class RealClient:
    """A real client: its manifest and the folder of that manifest."""

    manifest: Manifest
    folder: Path

    @property
    def name(self) -> str:
        """The client's name."""
        return self.manifest.name

    @property
    def needs_installation(self) -> bool:
        """Whether the client has packages or steps to be installed; otherwise it runs in its own folder."""
        return bool(self.manifest.install or self.manifest.debian_packages)

    def flow(self, name: str) -> Flow:
        """Return the flow called ``name``; raises KeyError."""
        for flow in self.manifest.flows:
            if flow.name == name:
                return flow
        raise KeyError(name)


def read_manifest(folder: Path) -> RealClient:
    """Read the manifest in ``folder``. Raises TomlMistakeError with file, line, key and the expected value."""
    file = folder / FILE_NAME
    text, source = read_text(file), str(file)
    manifest = convert_toml(text, source, Manifest)
    mistakes = [format_mistake(text, source, path, what) for path, what in _mistakes(manifest, folder.resolve())]
    if mistakes:
        raise TomlMistakeError("\n".join(mistakes))
    return RealClient(manifest, folder.resolve())


_Mistake = tuple[KeyPath, str]


def _mistakes(manifest: Manifest, folder: Path) -> Iterator[_Mistake]:
    if not _NAME.fullmatch(manifest.name):
        yield ("name",), f"{manifest.name!r}: expected small letters, digits, '-', '.' and '_'"
    elif manifest.name != folder.name:
        yield ("name",), f"{manifest.name!r}: expected the name of its folder, {folder.name!r}"
    yield from _installation_mistakes(manifest)
    for index, name in enumerate(manifest.scenarios):
        if not name.endswith(".toml"):
            yield ("scenarios", index), f"{name!r}: expected a scenario file of yours, *.toml, relative to {folder}"
    if not manifest.flows and not manifest.unattended:
        yield ("flows",), "needs at least one [[flows]], or unattended, a program for devices without a person"
    if manifest.unattended:
        yield from _command_mistakes(("unattended",), manifest.unattended)
    names = [flow.name for flow in manifest.flows]
    for index, flow in enumerate(manifest.flows):
        path: KeyPath = ("flows", index)
        if names.index(flow.name) != index:
            yield (*path, "name"), f"{flow.name!r} is there twice"
        for at, what in _flow_mistakes(flow, folder):
            yield (*path, *at), what


def _installation_mistakes(manifest: Manifest) -> Iterator[_Mistake]:
    for index, step in enumerate(manifest.install):
        yield from _command_mistakes(("install", index), step)
    for index, tool in enumerate(manifest.needs):
        if not tool or "\0" in tool:
            yield ("needs", index), "expected the name of a program"
    for index, package in enumerate(manifest.debian_packages):
        if not _DEBIAN_PACKAGE.fullmatch(package):
            yield ("debian_packages", index), f"{package!r}: expected the name of a Debian package"


def _flow_mistakes(flow: Flow, folder: Path) -> Iterator[_Mistake]:
    if not _NAME.fullmatch(flow.name):
        yield ("name",), f"{flow.name!r}: expected small letters, digits, '-', '.' and '_'"
    yield from _command_mistakes(("run",), flow.run)
    if flow.model is not None and flow.model not in MODELS:
        yield ("model",), f"there is no model {flow.model!r}; {_near(flow.model, list(MODELS))}"
    if flow.policy is not None and (flow.model is None or flow.policy not in list_policy_names()):
        yield ("policy",), f"{flow.policy!r}: a flow with a model may have one of: {', '.join(list_policy_names())}"
    if flow.person not in BEHAVIOURS:
        yield ("person",), f"{flow.person!r}; expected one of: {', '.join(BEHAVIOURS)}"
    if not 0 < flow.deadline <= _MAX_DEADLINE_S:
        yield ("deadline",), f"expected a number of seconds, more than 0 and at most {_MAX_DEADLINE_S:.0f}"
    if flow.etc is not None:
        etc = (folder / flow.etc).resolve()
        if folder not in etc.parents or not etc.is_dir():
            yield ("etc",), f"{flow.etc!r}: expected a folder in {folder}"
    for name, value in flow.environment.items():
        if not name or "=" in name or "\0" in name + value:
            yield ("environment", name), "expected the name and value of a variable"
    yield from _expectation_mistakes(flow)
    yield from _deviation_mistakes(flow)


def _expectation_mistakes(flow: Flow) -> Iterator[_Mistake]:
    for key, expected in flow.expect.items():
        if text := find_expectation_mistake(expected):
            yield ("expect", key), text


def _deviation_mistakes(flow: Flow) -> Iterator[_Mistake]:
    for index, deviation in enumerate(flow.deviations):
        if not deviation.reason.strip():
            yield ("deviations", index, "reason"), "expected why they differ"
    if flow.deviations and flow.model is None:
        yield ("deviations",), "this flow names no model, so it cannot have deviations; set model, or remove them"


def _command_mistakes(path: KeyPath, words: tuple[str, ...]) -> Iterator[_Mistake]:
    if not words or not words[0] or any("\0" in word for word in words):
        yield path, "expected a program and its arguments"


def _near(wrong: str, known: list[str]) -> str:
    return suggest_nearest(wrong, known) or f"known: {', '.join(known)}"
