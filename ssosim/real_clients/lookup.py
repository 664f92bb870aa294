"""Find real clients by name or by path: ``curl/windowstransport``, ``msal-python``, ``./my-client``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ssosim.estate.toml import TomlMistakeError
from ssosim.real_clients.folders import shipped_folders
from ssosim.real_clients.manifest import FILE_NAME, Flow, RealClient, read_manifest

__all__ = ["Part", "UnknownRealClientError", "find_flows", "find_real_clients", "looks_like_path", "shipped"]


class UnknownRealClientError(LookupError):
    """No real client has the name; the message lists the near ones."""


@dataclass(frozen=True, slots=True)
class Part:
    """One flow of a real client: what plays in a scenario. Its name is ``client/flow``."""

    original: RealClient
    flow: Flow

    @property
    def name(self) -> str:
        """``client/flow``."""
        return f"{self.original.name}/{self.flow.name}"


@cache
def shipped() -> tuple[RealClient, ...]:
    """The real clients that are shipped, by name. Raises TomlMistakeError for a manifest that cannot be used."""
    return tuple(read_manifest(folder) for folder in shipped_folders())


def looks_like_path(name: str) -> bool:
    """Whether ``name`` is meant as a place in the file system."""
    return name in (".", "..") or name.startswith(("./", "../", "/", "~/")) or name.endswith(f"/{FILE_NAME}")


def find_real_clients(names: Iterable[str]) -> tuple[RealClient, ...]:
    """The real clients called ``names``, by name or by folder. Raises UnknownRealClientError, TomlMistakeError."""
    return tuple(_original(name) for name in dict.fromkeys(names))


def find_flows(name: str) -> tuple[Part, ...]:
    """The flow ``client/flow``, or all flows of ``client``; a folder in the client's place is one of the user's.

    Raises UnknownRealClientError, TomlMistakeError.
    """
    if looks_like_path(name):
        path = Path(name).expanduser()
        if path.name == FILE_NAME:
            path = path.parent
        if not (path / FILE_NAME).exists() and (path.parent / FILE_NAME).exists():
            return (_part(read_manifest(path.parent), path.name),)
        return _parts(_original(name))
    client, _, flow = name.partition("/")
    original = _original(client)
    return (_part(original, flow),) if flow else _parts(original)


def _original(name: str) -> RealClient:
    if looks_like_path(name):
        path = Path(name).expanduser()
        path = path.parent if path.name == FILE_NAME else path
        if not (path / FILE_NAME).exists():
            raise TomlMistakeError(f"{path}: no {FILE_NAME} is there, which would say how the client is run")
        return read_manifest(path.resolve())
    for original in shipped():
        if original.name == name:
            return original
    known = [original.name for original in shipped()]
    raise UnknownRealClientError(f"there is no real client {name!r}; {_known(name, known)}")


def _parts(original: RealClient) -> tuple[Part, ...]:
    return tuple(Part(original, flow) for flow in original.manifest.flows)


def _part(original: RealClient, flow: str) -> Part:
    try:
        return Part(original, original.flow(flow))
    except KeyError:
        known = [each.name for each in original.manifest.flows]
        raise UnknownRealClientError(f"{original.name} has no flow {flow!r}; {_known(flow, known)}") from None


def _known(wrong: str, known: list[str]) -> str:
    near = difflib.get_close_matches(wrong, known, n=1)
    listed = ", ".join(known) or "none, for this is no checkout; a folder of yours begins with ./"
    return f"known: {listed}{f'; did you mean {near[0]!r}?' if near else ''}"
