"""What a client of the realm needs: a krb5.conf, and a first ticket."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from ssosim.kerberos.errors import KerberosError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.lab_files import render
from ssosim.kerberos.programs import find_program, tool_environment

__all__ = ["ClientOptions", "KinitError", "KinitFailure", "kinit", "write_krb5_conf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Settings of libkrb5 that change what goes over the wire. None leaves MIT's own default, by not writing it.

    Defaults of MIT krb5 1.20: canonicalise ``true`` (``fallback`` exists since 1.18), rdns ``true``,
    qualify_shortname the first search domain, udp_preference_limit 1465 bytes (1 means TCP first), clockskew 300
    seconds. Source: krb5 ``init_ctx.c``, ``sn2princ.c``, ``doc/admin/conf_files/krb5_conf.rst``.
    """

    dns_canonicalize_hostname: Literal["true", "false", "fallback"] | None = None
    rdns: bool | None = None
    qualify_shortname: str | None = None
    udp_preference_limit: int | None = None
    clockskew: int | None = None

    def lines(self) -> str:
        """The options as lines of the section ``[libdefaults]``."""
        written = {
            "dns_canonicalize_hostname": self.dns_canonicalize_hostname,
            "rdns": None if self.rdns is None else str(self.rdns).lower(),
            "qualify_shortname": None if self.qualify_shortname is None else f'"{self.qualify_shortname}"',
            "udp_preference_limit": self.udp_preference_limit,
            "clockskew": self.clockskew,
        }
        return "\n".join(f"    {name} = {value}" for name, value in written.items() if value is not None)


def write_krb5_conf(
    path: Path,
    realm: str,
    domain: str,
    kdcs: Sequence[Address],
    options: ClientOptions | None = None,
) -> None:
    """Write the client configuration of ``realm``, whose DNS domain is ``domain``, to ``path``.

    The KDCs are tried in the order given. Raises RealmError if the template is broken, OSError.
    """
    values = {
        "realm": realm,
        "domain": domain,
        "options": (options or ClientOptions()).lines(),
        "kdcs": "\n".join(f"        kdc = {kdc}" for kdc in kdcs),
    }
    path.write_text(render("krb5.conf", values), encoding="utf-8")


class KinitFailure(StrEnum):
    """Why there is no ticket-granting ticket."""

    WRONG_PASSWORD = "wrong password"  # noqa: S105 - an outcome, not a password
    CLIENT_UNKNOWN = "client unknown"
    REVOKED = "account disabled or expired"
    KDC_UNREACHABLE = "kdc unreachable"
    CLOCK_SKEW = "clock skew"
    TIMEOUT = "timeout"
    OTHER = "other"


# The program's untranslated texts (it runs with LC_ALL=C). Source: krb5 1.20 lib/krb5/error_tables/krb5_err.et,
# clients/kinit/kinit.c.
_TEXTS = (
    ("Password incorrect", KinitFailure.WRONG_PASSWORD),
    ("Preauthentication failed", KinitFailure.WRONG_PASSWORD),
    ("not found in Kerberos database", KinitFailure.CLIENT_UNKNOWN),
    ("credentials have been revoked", KinitFailure.REVOKED),
    ("entry in database has expired", KinitFailure.REVOKED),
    ("Cannot contact any KDC", KinitFailure.KDC_UNREACHABLE),
    ("Cannot find KDC", KinitFailure.KDC_UNREACHABLE),
    ("Clock skew too great", KinitFailure.CLOCK_SKEW),
)


class KinitError(KerberosError):
    """kinit got no ticket; ``kind`` says why, the text is kinit's own."""

    def __init__(self, kind: KinitFailure, text: str) -> None:
        super().__init__(text)
        self.kind = kind


async def kinit(
    principal: str,
    password: str,
    krb5_conf: Path,
    ccache: Path,
    *,
    lifetime: int | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 - in real seconds, whatever clock the loop runs on
) -> None:
    """Get a ticket-granting ticket for ``principal`` into the file ``ccache``, as signing on to a device does.

    ``lifetime`` is in seconds (None: what the KDC gives), ``timeout`` in seconds of real time. The password goes in
    on standard input. Runs in a worker thread, so the KDC's gateway may live on this event loop. Raises KinitError,
    KerberosMissingError.
    """
    command = [find_program("kinit"), "-c", f"FILE:{ccache}"]
    if lifetime is not None:
        command += ["-l", f"{lifetime}s"]
    environment = tool_environment(ccache.parent) | {"KRB5_CONFIG": str(krb5_conf)}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - a program found by name, arguments of our own
            [*command, "--", principal],
            input=password + "\n",
            capture_output=True,
            text=True,
            env=environment,
            timeout=timeout,
            check=False,
        )

    try:
        result = await asyncio.to_thread(run)
    except subprocess.TimeoutExpired as error:
        raise KinitError(KinitFailure.TIMEOUT, f"kinit {principal}: no end after {timeout:g} s") from error
    if result.returncode != 0:
        text = (result.stderr.strip() or f"exit code {result.returncode}").splitlines()[-1]
        kind = next((kind for part, kind in _TEXTS if part in text), KinitFailure.OTHER)
        raise KinitError(kind, text)
