"""The realm's database and keys: made once per estate, then copied.

Making one runs kdb5_util and one kadmin.local batch; copying is a handful of small files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ssosim.estate import Estate
from ssosim.files.opening import FolderRefusedError, open_folder
from ssosim.files.owned_folder import (
    Mark,
    check_mark,
    claim_folder,
    create_private_folder,
    make_mark,
    open_or_create_folder,
    remove_marked,
)
from ssosim.kerberos.errors import RealmError
from ssosim.kerberos.free_ports import Address
from ssosim.kerberos.kinit import ClientOptions, write_krb5_conf
from ssosim.kerberos.lab_files import lab_files, render
from ssosim.kerberos.principals import SERVICE_ACCOUNT_KEYTAB, keytab_name, principals_batch
from ssosim.kerberos.programs import find_program, tool_environment

__all__ = ["PreparedRealm", "kadmin", "prepare", "realm_digest"]

# Part of the digest: raise it when what ``prepare`` leaves in a directory changes.
LAYOUT = 2
TOOL_TIMEOUT = 30.0
STALE_AFTER = 3600.0
_DRAFT = ".making-"


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

    @property
    def mark(self) -> Mark:
        """What says that ``directory`` was made by ``prepare``."""
        return make_mark("realm", self.digest)

    def service_keytab(self, spn: str) -> Path:
        """Keys of another service of the realm."""
        return self.directory / keytab_name(spn)

    def keytab_of(self, spns: Sequence[str]) -> Path:
        """Keys of a service of the realm that has several names, each with a key of its own."""
        if len(spns) == 1:
            return self.service_keytab(spns[0])
        joined = self.directory / keytab_name("+".join(spns))
        # A key table is two bytes of version, and entries (krb5, formats/keytab_file_format).
        tables = [self.service_keytab(spn).read_bytes() for spn in spns]
        joined.write_bytes(tables[0][:2] + b"".join(table[2:] for table in tables))
        joined.chmod(0o600)
        return joined

    def copy_to(self, directory: Path) -> PreparedRealm:
        """An independent copy in ``directory``, which is made and must not exist; takes 1 to 3 ms."""
        create_private_folder(directory.parent)
        directory.mkdir(mode=0o700)
        for source in self.directory.iterdir():
            if source.name == self.mark.file:  # a copy is its user's
                continue
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
    realm = estate.default_realm
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
    realm = estate.default_realm
    digest = realm_digest(estate)
    prepared = PreparedRealm(
        directory / digest, realm.name, realm.domain, digest, realm.ticket_lifetime, realm.renewable_lifetime
    )
    try:
        with open_or_create_folder(directory) as cache:
            try:
                _check(cache, prepared)
            except FileNotFoundError:
                _sweep(cache, directory)
                _make_in(cache, directory, estate, prepared)
                _check(cache, prepared)
    except FolderRefusedError as error:
        raise RealmError(str(error)) from error
    return prepared


def _check(cache: int, realm: PreparedRealm) -> None:
    """Raise FolderRefusedError for a realm that somebody else made, whose keys are not to be trusted."""
    with open_folder(realm.digest, cache, realm.directory) as folder:
        check_mark(folder, realm.mark, realm.directory)


def _make_in(cache: int, directory: Path, estate: Estate, realm: PreparedRealm) -> None:
    """Make it under another name in ``directory``, which ``cache`` is a descriptor of, so that nobody sees a half."""
    draft = f"{realm.digest}{_DRAFT}{secrets.token_hex(4)}"
    try:
        with claim_folder(cache, draft, realm.mark, directory / draft):
            _make(estate, directory / draft, realm.digest)
        # Another process may have been faster, or something else be there: the check that follows tells.
        with contextlib.suppress(OSError):
            os.rename(draft, realm.digest, src_dir_fd=cache, dst_dir_fd=cache)
    finally:
        with contextlib.suppress(FileNotFoundError):
            remove_marked(cache, draft, realm.mark, directory / draft)


def _sweep(cache: int, directory: Path) -> None:
    """Remove what a killed process left half-made long ago."""
    for name in os.listdir(cache):
        digest, making, _ = name.partition(_DRAFT)
        with contextlib.suppress(FolderRefusedError, OSError):
            if making and time.time() - os.lstat(name, dir_fd=cache).st_mtime > STALE_AFTER:
                remove_marked(cache, name, make_mark("realm", digest), directory / name)


def _make(estate: Estate, directory: Path, digest: str) -> None:
    realm = estate.default_realm
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
