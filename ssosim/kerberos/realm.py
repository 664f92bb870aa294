"""The realm's database and keys: made once per estate, then copied.

Making one runs kdb5_util and one kadmin.local batch; copying is a handful of small files.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ssosim.estate import Estate
from ssosim.kerberos.errors import RealmError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.kinit import ClientOptions, write_krb5_conf
from ssosim.kerberos.lab_files import lab_files, render
from ssosim.kerberos.principals import SERVICE_ACCOUNT_KEYTAB, keytab_name, principals_batch
from ssosim.kerberos.programs import find_program, tool_environment

__all__ = ["PreparedRealm", "kadmin", "prepare", "realm_digest"]

# Part of the digest: raise it when what ``prepare`` leaves in a directory changes.
LAYOUT = 1
TOOL_TIMEOUT = 30.0
STALE_AFTER = 3600.0


@dataclass(frozen=True, slots=True)
class PreparedRealm:
    """A directory that holds a realm: KDB, stash, keytabs. Its files are for the owner's eyes only.

    What ``prepare`` returns is there to be copied; a KDC runs on a copy.

    ``lifetime`` and ``renewable`` are the longest ticket and renewal, in seconds. Copies share their keys: a ticket
    from one copy's KDC is good for another copy's services.
    """

    directory: Path
    name: str
    domain: str
    digest: str
    lifetime: int
    renewable: int

    @property
    def keytab(self) -> Path:
        """Keys of the account that stands for the cloud: all its SPNs."""
        return self.directory / SERVICE_ACCOUNT_KEYTAB

    def service_keytab(self, spn: str) -> Path:
        """Keys of another service of the realm."""
        return self.directory / keytab_name(spn)

    def copy_to(self, directory: Path) -> PreparedRealm:
        """An independent copy in ``directory``, which is made and must not exist; takes 1 to 3 ms."""
        directory.mkdir(mode=0o700, parents=True)
        for source in self.directory.iterdir():
            # The time stamps belong to it: the database module compares principal.ok with what it has read.
            shutil.copy2(source, directory / source.name)
        copy = PreparedRealm(directory, self.name, self.domain, self.digest, self.lifetime, self.renewable)
        copy.write_conf(None)
        return copy

    def write_conf(self, address: Address | None) -> None:
        """Write kdc.conf for a KDC on ``address`` (None: not yet known), and the krb5.conf that goes with it."""
        values = {
            "realm": self.name,
            "directory": str(self.directory),
            "listen": str(address) if address else '""',
            "max_life": str(self.lifetime),
            "max_renewable_life": str(self.renewable),
        }
        (self.directory / "kdc.conf").write_text(render("kdc.conf", values), encoding="utf-8")
        kdcs = (address,) if address else ()
        write_krb5_conf(self.directory / "krb5.conf", self.name, self.domain, kdcs, ClientOptions())


def realm_digest(estate: Estate) -> str:
    """Names the inputs of ``prepare``: the same digest, the same realm. Raises RealmError as ``prepare`` does."""
    realm = estate.realm
    # Another release of the tools may write another database format.
    tools = Path(find_program("kdb5_util")).stat()
    parts = (
        str(LAYOUT),
        f"{tools.st_size}:{tools.st_mtime_ns}",
        realm.name,
        realm.domain,
        f"{realm.ticket_lifetime}:{realm.renewable_lifetime}",
        principals_batch(estate),
        (lab_files() / "kdc.conf").read_text(encoding="utf-8"),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def prepare(estate: Estate, directory: Path) -> PreparedRealm:
    """The realm of ``estate`` from the cache ``directory``, made there first if it is not; about 40 ms or 1 ms.

    Two processes that prepare the same realm at once both make it, and one of the two results stays; nobody sees a
    half-made one. Raises RealmError or KerberosMissingError.
    """
    realm = estate.realm
    digest = realm_digest(estate)
    final = directory / digest
    if not final.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(directory)
        making = directory / f"{digest}.making-{secrets.token_hex(4)}"
        making.mkdir(mode=0o700)
        try:
            _make(estate, making, digest)
            if not _moved(making, final):
                shutil.rmtree(making)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    if final.stat().st_uid != os.geteuid():
        raise RealmError(f"{final}: belongs to another user, whose keys are not to be trusted; remove it")
    return PreparedRealm(final, realm.name, realm.domain, digest, realm.ticket_lifetime, realm.renewable_lifetime)


def _moved(making: Path, final: Path) -> bool:
    try:
        making.rename(final)
    except OSError:
        if final.is_dir():
            return False
        raise
    return True


def _sweep(directory: Path) -> None:
    """Remove what a killed process left half-made long ago."""
    for left in directory.glob("*.making-*"):
        try:
            old = time.time() - left.stat().st_mtime > STALE_AFTER
        except OSError:
            continue
        if old:
            shutil.rmtree(left, ignore_errors=True)


def _make(estate: Estate, directory: Path, digest: str) -> None:
    realm = estate.realm
    prepared = PreparedRealm(
        directory, realm.name, realm.domain, digest, realm.ticket_lifetime, realm.renewable_lifetime
    )
    prepared.write_conf(None)
    # On standard input, for the command line of a process is everybody's to read.
    password = secrets.token_hex(16)
    _run(prepared, "kdb5_util", ["create", "-s", "-r", realm.name], f"{password}\n{password}\n")
    kadmin(prepared, principals_batch(estate))
    # They name the directory that is about to be renamed; every copy gets its own.
    for left in (*directory.glob("*.conf"), *directory.glob("*.log")):
        left.unlink()


def kadmin(realm: PreparedRealm, batch: str) -> str:
    """Run kadmin.local commands on ``realm``, one a line, in its directory; returns what kadmin said.

    A running krb5kdc sees the change at its next request. Raises RealmError with the first complaint: kadmin.local
    itself exits with 0 whatever happens in a batch.
    """
    commands = "\n".join(line for line in batch.splitlines() if line and not line.startswith("#")) + "\n"
    result = _run(realm, "kadmin.local", ["-r", realm.name], commands)
    if complaint := result.stderr.strip():
        raise RealmError(f"kadmin.local: {complaint.splitlines()[0]}")
    return result.stdout


def _run(realm: PreparedRealm, program: str, args: list[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        result = subprocess.run(  # noqa: S603 - a program found by name, arguments of our own
            [find_program(program), *args],
            input=text,
            capture_output=True,
            text=True,
            cwd=realm.directory,
            env=tool_environment(realm.directory),
            timeout=TOOL_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RealmError(f"{program}: no end after {TOOL_TIMEOUT:.0f} s; is the machine overloaded?") from error
    if result.returncode != 0:
        last = (result.stderr.strip() or f"exit code {result.returncode}").splitlines()[-1]
        raise RealmError(f"{program}: {last}")
    return result
