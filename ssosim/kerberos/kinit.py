"""Prepare a client of the realm: write its krb5.conf, and get its first ticket with kinit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.errors import KerberosError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.lab_files import render_template
from ssosim.kerberos.programs import build_tool_environment, describe_end, find_program

__all__ = [
    "ClientOptions",
    "KinitError",
    "KinitErrorKind",
    "OtherRealms",
    "enlarge_ticket",
    "kinit",
    "restrict_enctypes",
    "write_krb5_conf",
]


class ClientOptions(Struct, frozen=True, kw_only=True):
    """Settings of libkrb5 that change what a client sends. None does not write the setting, so MIT's default applies.

    Defaults of MIT krb5 1.20: dns_canonicalize_hostname ``true`` (``fallback`` exists since 1.18), rdns ``true``,
    qualify_shortname the first search domain, udp_preference_limit 1465 bytes (1 means TCP first), clockskew 300
    seconds. Source: krb5 ``init_ctx.c``, ``sn2princ.c``, ``doc/admin/conf_files/krb5_conf.rst``.
    """

    dns_canonicalize_hostname: Literal["true", "false", "fallback"] | None = None
    rdns: bool | None = None
    qualify_shortname: str | None = None
    udp_preference_limit: int | None = None
    clockskew: int | None = None
    allow_rc4: bool | None = None
    permitted_enctypes: tuple[str, ...] = ()
    dns_lookup_kdc: bool = False
    dns_lookup_realm: bool = False

    def format_lines(self) -> str:
        """The options as lines of the section ``[libdefaults]``."""
        written = {
            "dns_canonicalize_hostname": self.dns_canonicalize_hostname,
            "rdns": None if self.rdns is None else str(self.rdns).lower(),
            "qualify_shortname": None if self.qualify_shortname is None else f'"{self.qualify_shortname}"',
            "udp_preference_limit": self.udp_preference_limit,
            "clockskew": self.clockskew,
            "allow_rc4": None if self.allow_rc4 is None else str(self.allow_rc4).lower(),
            "permitted_enctypes": " ".join(self.permitted_enctypes) or None,
        }
        return "\n".join(f"    {name} = {value}" for name, value in written.items() if value is not None)


class OtherRealms(Struct, frozen=True, kw_only=True):
    """What a krb5.conf says besides its own realm.

    ``kdcs``: the KDCs of other realms. ``hosts``: hosts, or domains with a leading dot, each with its realm.
    """

    kdcs: Mapping[str, Sequence[Address | str]] = field(default_factory=dict)
    hosts: Sequence[tuple[str, str]] = ()


def write_krb5_conf(
    path: Path,
    realm: str,
    domain: str,
    kdcs: Sequence[Address | str],
    options: ClientOptions | None = None,
    others: OtherRealms | None = None,
) -> None:
    """Write the krb5.conf of a client of ``realm`` to ``path``. ``domain`` is the DNS domain of the realm.

    The client tries ``kdcs`` in the given order: addresses, or URLs of KDC proxies. Raises RealmError if the template
    is invalid, OSError.
    """
    options, others = options or ClientOptions(), others or OtherRealms()
    domain = domain.lower()  # libkrb5 looks for a host in lower case, and finds no name in other letters
    realms = [_format_kdcs(kdcs), *(f"    }}\n    {name} = {{\n{_format_kdcs(of)}" for name, of in others.kdcs.items())]
    values = {"realm": realm, "domain": domain, "options": options.format_lines(), "kdcs": "\n".join(realms)}
    text = render_template("krb5.conf", values).rstrip("\n")
    named = ((host.lower(), of) for host, of in others.hosts)
    hosts = [f"    {host} = {of}" for host, of in named if host.lstrip(".") != domain]
    for name, wanted in (("dns_lookup_kdc", options.dns_lookup_kdc), ("dns_lookup_realm", options.dns_lookup_realm)):
        text = text.replace(f"{name} = false", f"{name} = true") if wanted else text
    if options.dns_lookup_realm:  # a mapping in the file would come before the TXT records
        text, hosts = text.partition("[domain_realm]")[0].rstrip("\n"), []
    path.write_text("\n".join((text, *hosts, "")), encoding="utf-8")


def _format_kdcs(kdcs: Sequence[Address | str]) -> str:
    return "\n".join(f"        kdc = {kdc}" for kdc in kdcs)


def restrict_enctypes(enctypes: Sequence[str], options: ClientOptions | None = None) -> ClientOptions:
    """Return ``options`` for a client that offers and accepts ``enctypes`` only; without any, MIT's default applies.

    A libkrb5 since 1.21 needs ``allow_rc4`` besides. Source: krb5 documentation, krb5.conf.
    """
    options = options or ClientOptions()
    return replace(options, permitted_enctypes=tuple(enctypes), allow_rc4="rc4-hmac" in enctypes or options.allow_rc4)


async def enlarge_ticket(krb5_conf: Path, ccache: Path, octets: int, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109
    """Put ``octets`` of authorization data into the ticket-granting ticket in ``ccache``, and so into each ticket.

    Raises KinitError.
    """
    command = [sys.executable, "-m", "ssosim.kerberos.enlarge_ticket", f"FILE:{ccache}", str(octets)]
    environment = build_tool_environment(ccache.parent) | {"KRB5_CONFIG": str(krb5_conf)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - this interpreter, and arguments from here
            command, capture_output=True, text=True, env=environment, timeout=timeout, check=False
        )

    import asyncio  # noqa: PLC0415 - a lab in memory writes krb5.conf and runs no program

    try:
        result = await asyncio.to_thread(run)
    except subprocess.TimeoutExpired as error:
        raise KinitError(KinitErrorKind.TIMEOUT, f"a larger ticket: no end after {timeout:g} s") from error
    if result.returncode != 0:
        raise KinitError(KinitErrorKind.OTHER, f"a larger ticket: {result.stderr.strip().splitlines()[-1]}")


class KinitErrorKind(StrEnum):
    """Why kinit got no ticket-granting ticket."""

    WRONG_PASSWORD = "wrong password"  # noqa: S105 - an outcome, not a password
    CLIENT_UNKNOWN = "client unknown"
    REVOKED = "account disabled or expired"
    PASSWORD_EXPIRED = "password expired"  # noqa: S105 - an outcome, not a password
    NO_COMMON_ENCTYPE = "no common encryption type"
    KDC_UNREACHABLE = "kdc unreachable"
    CLOCK_SKEW = "clock skew"
    TIMEOUT = "timeout"
    OTHER = "other"


# Error texts of kinit in English (it runs with LC_ALL=C). Source: krb5 1.20 lib/krb5/error_tables/krb5_err.et,
# clients/kinit/kinit.c.
_KIND_OF_TEXT = (
    ("Password incorrect", KinitErrorKind.WRONG_PASSWORD),
    ("Preauthentication failed", KinitErrorKind.WRONG_PASSWORD),
    ("not found in Kerberos database", KinitErrorKind.CLIENT_UNKNOWN),
    ("credentials have been revoked", KinitErrorKind.REVOKED),
    ("entry in database has expired", KinitErrorKind.REVOKED),
    ("Password has expired", KinitErrorKind.PASSWORD_EXPIRED),
    # It asks for a new password, and finds the end of standard input.
    ("no support for encryption type", KinitErrorKind.NO_COMMON_ENCTYPE),
    ("Cannot read password", KinitErrorKind.PASSWORD_EXPIRED),
    ("Cannot contact any KDC", KinitErrorKind.KDC_UNREACHABLE),
    ("Cannot find KDC", KinitErrorKind.KDC_UNREACHABLE),
    ("Clock skew too great", KinitErrorKind.CLOCK_SKEW),
)


class KinitError(KerberosError):
    """kinit got no ticket. ``kind`` is the reason; the text is kinit's.

    ``code`` is the error of the KDC where that is about the user's account and its keys, else None.
    """

    def __init__(self, kind: KinitErrorKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.code: KrbCode | None = _CODES.get(kind)


_CODES = {
    KinitErrorKind.REVOKED: KrbCode.KDC_ERR_CLIENT_REVOKED,
    KinitErrorKind.PASSWORD_EXPIRED: KrbCode.KDC_ERR_KEY_EXPIRED,
    KinitErrorKind.NO_COMMON_ENCTYPE: KrbCode.KDC_ERR_ETYPE_NOSUPP,
}


async def kinit(
    principal: str,
    password: str,
    krb5_conf: Path,
    ccache: Path,
    *,
    lifetime: int | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 - in real seconds, whatever clock the loop runs on
) -> None:
    """Get a ticket-granting ticket for ``principal`` into the file ``ccache``, as a sign-on to a device does.

    ``lifetime`` is in seconds (None: the KDC decides), ``timeout`` in seconds of real time. The password is passed on
    standard input. kinit runs in a worker thread, so the KDC gateway may run on this event loop; if this task is
    cancelled, kinit is killed. Raises KinitError, KerberosMissingError.
    """
    command = [find_program("kinit"), "-c", f"FILE:{ccache}"]
    if lifetime is not None:
        command += ["-l", f"{lifetime}s"]
    environment = build_tool_environment(ccache.parent) | {"KRB5_CONFIG": str(krb5_conf)}

    program = _Program([*command, "--", principal], environment)
    import asyncio  # noqa: PLC0415 - a lab in memory writes krb5.conf and runs no program

    try:
        code, errors = await asyncio.to_thread(program.run, password + "\n", timeout)
    except subprocess.TimeoutExpired as error:
        raise KinitError(KinitErrorKind.TIMEOUT, f"kinit {principal}: no end after {timeout:g} s") from error
    except asyncio.CancelledError:
        program.kill()  # it would go on asking a KDC that may be gone, and its thread with it
        raise
    if code != 0:
        text = (errors.strip() or f"kinit {principal}: {describe_end(code)}").splitlines()[-1]
        kind = next((kind for part, kind in _KIND_OF_TEXT if part in text), KinitErrorKind.OTHER)
        raise KinitError(kind, text)


class _Program:
    """A program that runs in a worker thread and can be killed from another one, also before it has started."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._killed = False

    def run(self, given: str, timeout: float) -> tuple[int, str]:
        """Run it with ``given`` on standard input; return exit code and error output. Raises TimeoutExpired."""
        pipe = subprocess.PIPE
        with self._lock:
            if self._killed:
                return -signal.SIGKILL, ""
            self._process = process = subprocess.Popen(  # noqa: S603 - found by name, the arguments are fixed
                self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=self._environment
            )
        with process:
            try:
                _, errors = process.communicate(given, timeout)
            except BaseException:
                process.kill()
                raise
        return process.returncode, errors

    def kill(self) -> None:
        """Kill it. Does nothing if it has ended."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()
