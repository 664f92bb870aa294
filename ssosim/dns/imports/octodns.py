"""octoDNS configurations: the main file, and the zone files of its YAML providers.

It reads ``providers`` of class ``YamlProvider`` and ``zones`` with their ``sources``. It does not read targets, since a
rehearsal does not push anywhere. Records may have ``value`` or ``values``, or be lists of records. Names in values end
with a dot, as octoDNS itself demands (se-2009). ``dynamic`` becomes a profile of Traffic Manager where one can express
it (``octodns_dynamic``); ``geo`` is a mistake. Source: octoDNS documentation, records and YamlProvider.

octoDNS has no alias record sets; write them as an extension, which octoDNS ignores::

    autologon:
      type: A
      octodns:
        ssosim:
          alias: aadg-autologon        # or alias_record: other-name
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dns.name import Name
from dns.rdatatype import AAAA, A

from ssosim.dns.imports.cloudflare_lines import AUTOMATIC_TTL, PROXIED, PROXIED_REASON, PROXIED_TYPES
from ssosim.dns.imports.import_errors import Imported, NameAlias, Unserved
from ssosim.dns.imports.octodns_dynamic import make_dynamic_profile
from ssosim.dns.imports.octodns_settings import describe_unapplied
from ssosim.dns.imports.yaml_nodes import Value, YamlMistakeError, read_yaml
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.from_estate import check_ttl
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_rdatas, to_type

__all__ = ["parse_zone", "read_octodns"]

DEFAULT_TTL = 3600
"""The TTL of records without one, seconds. Source: octoDNS YamlProvider, ``default_ttl``."""

_NAMES = frozenset({"CNAME", "DNAME", "NS", "PTR"})

_NOT_DNS = frozenset({"URLFWD"})
"""Types of octoDNS that are no DNS records. Source: octoDNS documentation, record types."""
_TRUE = frozenset({"true", "yes", "on"})
_CONFIG_FOLDERS = frozenset({"config", "conf", "octodns"})
_ZONE_FILE = re.compile(r"[^.].*\..*yaml")
_SKIPPED_KEYS = frozenset({"type", "ttl", "value", "values", "octodns", "lenient", "dynamic"})


class _MistakeError(DnsChangeError):
    def __init__(self, at: Value, text: str) -> None:
        self.line = at.line
        super().__init__(text)


def read_octodns(path: Path, root: Path | None = None) -> list[Imported]:
    """Read every zone of the configuration in ``path``; mistakes of records are in the result.

    Files of ``!include`` are below ``root`` (default: the parent of the configuration's folder, if that is named
    ``config``, else its folder). Raises YamlMistakeError for a configuration that cannot be used, TomlMistakeError for
    a file that cannot be read.
    """
    root = root or (path.parent.parent if path.parent.name in _CONFIG_FOLDERS else path.parent)
    main = read_yaml(path, root)
    zones = main.get("zones")
    if zones is None or not isinstance(zones.content, dict):
        raise YamlMistakeError(
            f"{path}:{main.line}: has no zones: expected zones: {{example.com.: {{sources: [...]}}}}"
        )
    for name, zone in zones.content.items():
        if not name.endswith(".") and not name.startswith("*"):
            raise YamlMistakeError(f"{path}:{zone.line}: zone {name!r}: a zone's name ends with a dot: {name}.")
    return _Configuration(path, root, main).read_zones(zones.content)


@dataclass(frozen=True, slots=True)
class _Configuration:
    """The main file: its path, the folder that files may be in, and its content."""

    path: Path
    root: Path
    main: Value

    def read_zones(self, zones: Mapping[str, Value]) -> list[Imported]:
        """Read the zones of the configuration: those with sources, those that ``'*'`` stands for, and alias zones."""
        entries = {name: zone for name, zone in zones.items() if not name.startswith("*")}
        for name, zone in zones.items():
            if name.startswith("*"):
                entries = dict.fromkeys(self.list_zones(name, zone), zone) | entries
        found = []
        for name, zone in entries.items():
            alias = zone.get("alias")
            if alias is None:
                found.append(self.read_zone(name, zone))
                continue
            target = alias.text or ""
            source = entries.get(target)
            if source is None or source.get("alias") is not None:
                raise YamlMistakeError(
                    f"{self.path}:{alias.line}: zone {name}: alias: there is no zone {target!r} with sources"
                )
            found.append(self.read_zone(name, source, files_of=target))
        return found

    def read_zone(self, name: str, zone: Value, files_of: str = "") -> Imported:
        """Read a zone from its sources; of an alias zone, from the files of the zone ``files_of``."""
        zone_read = Imported(to_name(name), file=str(self.path))
        zone_read.warnings += describe_unapplied(self.path, self.main, zone, name)
        used = 0
        for provider in self._sources(name, zone, zone_read):
            used += 1
            for file in _files(self.path, provider, files_of or name):
                parse_zone(read_yaml(file, self.root), zone_read, str(file), _ttl(self.path, provider))
        if not used:
            raise YamlMistakeError(f"{self.path}:{zone.line}: zone {name}: none of its sources is a YamlProvider")
        return zone_read

    def list_zones(self, name: str, zone: Value) -> list[str]:
        """The zones that a ``'*'`` entry stands for: those for which its sources have files.

        Source: octoDNS documentation, dynamic zone config; with ``*.example.com.``, the names below it.
        """
        for key in ("glob", "regex"):
            if (given := zone.get(key)) is not None:
                raise YamlMistakeError(f"{self.path}:{given.line}: zone {name}: {key} is not read: name the zones")
        found: set[str] = set()
        for provider in self._sources(name, zone, None):
            folder = _folder(self.path, provider)
            found |= {file.name.removesuffix("yaml") for file in folder.glob("*.yaml") if _ZONE_FILE.match(file.name)}
            if suffix := _split_suffix(provider):
                found |= {f"{each.name.removesuffix(suffix)}." for each in folder.glob(f"*{suffix}") if each.is_dir()}
        if not found:
            raise YamlMistakeError(f"{self.path}:{zone.line}: zone {name}: its sources have no zone files")
        ending = name.removeprefix("*")
        return sorted(each for each in found if each.endswith(ending))

    def _sources(self, name: str, zone: Value, zone_read: Imported | None) -> Iterator[Value]:
        sources, providers = zone.get("sources") or zone.get("source"), self.main.get("providers")
        for source in sources.items if sources else ():
            provider = providers.get(source.text or "") if providers else None
            if provider is None:
                raise YamlMistakeError(f"{self.path}:{source.line}: zone {name}: there is no provider {source.text!r}")
            kind = provider.get("class")
            if kind is not None and (kind.text or "").endswith("YamlProvider"):
                yield provider
            elif zone_read is not None:
                zone_read.warnings.append(
                    f"{self.path}:{provider.line}: provider {source.text}: only YamlProvider is read; left out"
                )


def _folder(path: Path, provider: Value) -> Path:
    directory = provider.get("directory")
    if directory is None or not directory.text:
        raise YamlMistakeError(f"{path}:{provider.line}: a YamlProvider needs a directory")
    folder = path.parent / directory.text
    return folder if folder.is_dir() else path.parent.parent / directory.text
    # octoDNS takes it relative to where it is started, mostly the parent of the configuration


def _split_suffix(provider: Value) -> str:
    extension = provider.get("split_extension")
    return f".{extension.text.strip('.')}" if extension is not None and extension.text not in (None, "false") else ""


def _files(path: Path, provider: Value, name: str) -> list[Path]:
    """The provider's files of a zone: ``example.com.yaml``, and with ``split_extension`` those of a folder."""
    folder = _folder(path, provider)
    single = folder / f"{name}yaml"
    files = [single] if single.is_file() else []
    suffix = _split_suffix(provider)
    split = folder / f"{name.rstrip('.')}{suffix}"
    if suffix and split.is_dir():
        files += sorted(split.glob("*.yaml"))
    if not files:
        raise YamlMistakeError(f"{path}:{provider.line}: zone {name}: there is no file {single}")
    return [*files, *_shared_file(path, provider)]


def _shared_file(path: Path, provider: Value) -> list[Path]:
    """The file with records of every zone. Source: octoDNS YamlProvider, ``shared_filename``."""
    given = provider.get("shared_filename")
    if given is None or not given.text:
        return []
    file = _folder(path, provider) / given.text
    if not file.is_file():
        raise YamlMistakeError(f"{path}:{given.line}: shared_filename: there is no file {file}")
    return [file]


def _ttl(path: Path, provider: Value) -> int:
    given = provider.get("default_ttl")
    try:
        return DEFAULT_TTL if given is None else int(given.text or "")
    except ValueError as error:
        raise YamlMistakeError(f"{path}:{provider.line}: default_ttl: expected seconds") from error


def parse_zone(top: Value, zone: Imported, source: str, default_ttl: int = DEFAULT_TTL) -> None:
    """Read the records of one zone file into ``zone``."""
    if not isinstance(top.content, dict):
        zone.mistakes.append(f"{source}:{top.line}: expected names with their records")
        return
    for label, records in top.content.items():
        for record in records.items:
            try:
                rrset = _rrset(zone, label, record, default_ttl, source)
            except _MistakeError as error:
                zone.mistakes.append(f"{source}:{error.line}: {label or '(apex)'}: {error}")
            except DnsChangeError as error:
                zone.mistakes.append(f"{source}:{record.line}: {label or '(apex)'}: {error}")
            else:
                if rrset is not None:
                    zone.add(rrset, f"{source}:{record.line}")


def _rrset(zone: Imported, label: str, record: Value, default_ttl: int, source: str) -> RRset | None:
    """One record set; None for one that octoDNS ignores, and for a type of octoDNS that is no DNS record."""
    origin, where = zone.origin, f"{source}:{record.line}"
    if not isinstance(record.content, dict):
        raise _MistakeError(record, "expected a record: type, ttl, and value or values")
    _refuse_keys(record.content)
    kind_at = record.get("type")
    kind = (kind_at.text or "").upper() if kind_at else ""
    if not kind:
        raise _MistakeError(record, "the key 'type' is missing")
    if label.endswith("."):
        raise _MistakeError(record, f"the name ends with a dot: names are relative to the zone {plain(origin)}")
    name = to_name(label or "@", origin)
    if _is_left_out(zone, record, f"{where}: {label or '(apex)'} {kind}"):
        return None
    ttl = AUTOMATIC_TTL if _is_on_at_cloudflare(record, "auto-ttl") else _seconds(record.get("ttl"), default_ttl)
    if unserved := _why_unserved(kind, record):
        zone.unserved.append(Unserved(where, plain(name), *unserved))
        return None
    if kind == "ALIAS":
        target = next(iter(_values("CNAME", record)))
        zone.name_aliases.append(NameAlias(where, name, ttl, to_name(target), (A, AAAA)))
        return None
    if (dynamic := record.get("dynamic")) is not None:
        return _dynamic_set(zone, name, kind, ttl, dynamic, f"{source}:{dynamic.line}")
    if link := _alias(record):
        return _alias_set(name, kind, ttl, link, origin)
    return RRset(name, to_type(kind), ttl, to_rdatas(list(_values(kind, record)), to_type(kind), origin))


def _why_unserved(kind: str, record: Value) -> tuple[str, str] | None:
    """The type by which ``--without`` leaves the record out, and the reason; None for one that can be served."""
    if kind in _NOT_DNS or "/" in kind:
        return kind, "it is a feature of a provider, no DNS record"
    is_proxied = kind in (*PROXIED_TYPES, "ALIAS") and _is_on_at_cloudflare(record, "proxied")
    return (PROXIED, PROXIED_REASON) if is_proxied else None


def _is_on_at_cloudflare(record: Value, key: str) -> bool:
    """Whether a setting of Cloudflare is on. Source: octodns-cloudflare, configuration: ``proxied``, ``auto-ttl``."""
    settings = record.get("octodns")
    own = settings.get("cloudflare") if settings is not None else None
    given = own.get(key) if own is not None else None
    return given is not None and (given.text or "").lower() in _TRUE


def _refuse_keys(content: Mapping[str, Value]) -> None:
    """Raise _MistakeError for a key of a record that is not read."""
    for key, at in content.items():
        if key == "geo":
            raise _MistakeError(
                at, "geo is not supported: it depends on the client; write it as dynamic, or as a profile"
            )
        if key not in _SKIPPED_KEYS:
            raise _MistakeError(at, f"unknown key {key!r}; known here: {', '.join(sorted(_SKIPPED_KEYS))}")


def _dynamic_set(zone: Imported, name: Name, kind: str, ttl: int, dynamic: Value, where: str) -> RRset:
    """The alias record set of a dynamic record; its profiles are added to the zone."""
    try:
        profile = make_dynamic_profile(name, kind, ttl, dynamic)
    except DnsChangeError as error:
        raise _MistakeError(dynamic, str(error)) from error
    zone.profiles.append((profile, where))
    return RRset(name, to_type(kind), ttl, alias=profile.name)


def _is_left_out(zone: Imported, record: Value, label: str) -> bool:
    """Whether octoDNS ignores the record; a line says so, and that a record is for some providers only.

    Source: octoDNS documentation, records: ``ignored``, ``included`` and ``excluded``.
    """
    settings = record.get("octodns")
    if settings is None:
        return False
    ignored = settings.get("ignored")
    if ignored is not None and (ignored.text or "").lower() in _TRUE:
        zone.warnings.append(f"{label}: left out: octoDNS ignores it (ignored: true)")
        return True
    zone.warnings += [
        f"{label}: {key}: not every provider has it" for key in ("included", "excluded") if settings.get(key)
    ]
    return False


def _alias(record: Value) -> dict[str, Value] | None:
    octodns = record.get("octodns")
    own = octodns.get("ssosim") if octodns else None
    if own is None:
        return None
    if (
        not isinstance(own.content, dict)
        or len(own.content) != 1
        or not own.content.keys() <= {"alias", "alias_record"}
    ):
        raise _MistakeError(own, "expected octodns: ssosim: alias: PROFILE, or alias_record: NAME")
    if record.get("value") or record.get("values"):
        raise _MistakeError(own, "an alias record set has no values of its own: keep one")
    return own.content


def _alias_set(name: Name, kind: str, ttl: int, link: Mapping[str, Value], origin: Name) -> RRset:
    [(key, at)] = link.items()
    if kind not in ("A", "AAAA", "CNAME") or not at.text:
        raise _MistakeError(at, "an alias record set is of type A, AAAA or CNAME and names its target")
    if key == "alias":
        return RRset(name, to_type(kind), ttl, alias=at.text)
    return RRset(name, to_type(kind), ttl, alias_record=to_name(at.text, origin))


def _seconds(at: Value | None, default: int) -> int:
    if at is None:
        return default
    try:
        seconds = int(at.text or "")
        check_ttl(seconds)
    except ValueError as error:
        raise _MistakeError(at, f"ttl: expected seconds, not {at.text!r}") from error
    return seconds


def _values(kind: str, record: Value) -> Iterator[str]:
    given = record.get("values") or record.get("value")
    if given is None or given.content is None or not given.items:
        raise _MistakeError(record, "has neither value nor values")
    render = _RENDER.get(kind, _as_is)
    for value in given.items:
        yield render(kind, value)


def _as_is(kind: str, value: Value) -> str:
    if value.text is None:
        raise _MistakeError(value, f"expected the value of {kind} as text")
    if kind in _NAMES:
        return _check_dot(value, value.text)
    return value.text


def _check_dot(at: Value, text: str) -> str:
    if not text.endswith("."):
        raise _MistakeError(at, f"{text!r} lacks the dot at its end: without it the zone's name is added")
    return text


def _part(value: Value, *names: str) -> str:
    for name in names:
        if (found := value.get(name)) is not None and found.text is not None:
            return found.text
    raise _MistakeError(value, f"the key {names[0]!r} is missing")


def _mx(_: str, value: Value) -> str:
    return f"{_part(value, 'preference', 'priority')} {_check_dot(value, _part(value, 'exchange', 'value'))}"


def _srv(_: str, value: Value) -> str:
    numbers = " ".join(_part(value, key) for key in ("priority", "weight", "port"))
    return f"{numbers} {_check_dot(value, _part(value, 'target'))}"


def _txt(_: str, value: Value) -> str:
    """One string of any length, semicolons escaped; the wire holds it in pieces of 255 octets.

    It may be written in quoted pieces, which are joined. Source: octoDNS, ``octodns/record/chunked.py``.
    """
    text = _as_is("TXT", value)
    if text.startswith('"'):
        text = text[1:-1]
    text = text.replace('" "', "").replace("\\;", ";")
    pieces = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"{}"'.format(piece.replace("\\", "\\\\").replace('"', '\\"')) for piece in pieces)


def _quote(text: str) -> str:
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


def _numbers(*keys: str) -> Callable[[str, Value], str]:
    """Read the values of ``keys`` in their order, as the presentation form of the type has them."""
    return lambda _kind, value: " ".join(_part(value, key) for key in keys)


def _caa(_: str, value: Value) -> str:
    flags = "0" if value.get("flags") is None else _part(value, "flags")
    return f"{flags} {_part(value, 'tag')} {_quote(_part(value, 'value'))}"


def _naptr(_: str, value: Value) -> str:
    texts = " ".join(_quote(_part(value, key)) for key in ("flags", "service", "regexp"))
    replacement = _part(value, "replacement")
    target = replacement if replacement == "." else _check_dot(value, replacement)
    return f"{_part(value, 'order')} {_part(value, 'preference')} {texts} {target}"


def _svcb(_: str, value: Value) -> str:
    target = _check_dot(value, _part(value, "targetname"))
    found = value.get("svcparams")
    parameters = {} if found is None or not isinstance(found.content, dict) else found.content
    words = [
        key
        if at.content is None or at.text == ""
        else f"{key}={_quote(','.join(each.text or '' for each in at.items))}"
        for key, at in parameters.items()
    ]
    return " ".join((_part(value, "svcpriority"), target, *words))


def _uri(_: str, value: Value) -> str:
    return f"{_part(value, 'priority')} {_part(value, 'weight')} {_quote(_part(value, 'target'))}"


def _loc(_: str, value: Value) -> str:
    latitude, longitude = (
        " ".join(_part(value, f"{axis}_{part}") for part in ("degrees", "minutes", "seconds", "direction"))
        for axis in ("lat", "long")
    )
    sizes = " ".join(f"{_part(value, key)}m" for key in ("altitude", "size", "precision_horz", "precision_vert"))
    return f"{latitude} {longitude} {sizes}"


_RENDER: Mapping[str, Callable[[str, Value], str]] = {
    "CAA": _caa,
    "DS": _numbers("key_tag", "algorithm", "digest_type", "digest"),
    "HTTPS": _svcb,
    "LOC": _loc,
    "MX": _mx,
    "NAPTR": _naptr,
    "SPF": _txt,
    "SRV": _srv,
    "SSHFP": _numbers("algorithm", "fingerprint_type", "fingerprint"),
    "SVCB": _svcb,
    "TLSA": _numbers("certificate_usage", "selector", "matching_type", "certificate_association_data"),
    "TXT": _txt,
    "URI": _uri,
}
"""How the values of a type are written in a zone file. Source: octoDNS documentation of each record type."""
