"""Create the database and keys of a realm once per estate, then copy them for each lab.

Creation runs kdb5_util and one kadmin.local batch. A copy is a few small files.
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
from dataclasses import dataclass, replace
from pathlib import Path

from ssosim.estate import Estate, Realm
from ssosim.estate.trusts import HostRoute, list_host_routes
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
from ssosim.kerberos.kinit import ClientOptions, OtherRealms, write_krb5_conf
from ssosim.kerberos.lab_files import find_lab_files, render_template
from ssosim.kerberos.principals import SERVICE_ACCOUNT_KEYTAB, build_keytab_name, build_principals_batch
from ssosim.kerberos.programs import build_tool_environment, describe_end, find_program
from ssosim.kerberos.samba_programs import DIRECTORY_PROGRAM, SambaPrograms, find_samba
from ssosim.kerberos.samba_realm import SAMBA_FOLDER, list_samba_accounts, provision_samba, write_samba_conf

__all__ = ["PreparedRealm", "compute_realm_digest", "prepare_realm", "run_kadmin"]

# Part of the digest: increase it when ``prepare_realm`` writes other files into a directory.
LAYOUT = 3
TOOL_TIMEOUT = 30.0
STALE_AFTER = 3600.0
_DRAFT = ".making-"
_SEED = "keys.seed"


@dataclass(frozen=True, slots=True)
class PreparedRealm:
    """A directory with the files of a realm: database, stash file, keytabs. Only the owner can read them.

    ``prepare_realm`` returns the original, which is copied; a KDC runs on a copy.

    ``lifetime`` and ``renewable`` are the maximum ticket lifetime and renewable lifetime, in seconds. ``routes``: the
    hosts of other realms, each with its realm, for which the KDC gives referrals. Copies have the same keys: a service
    of one copy accepts a ticket from the KDC of another. ``samba``: the KDC is Samba's, whose directory is in the
    folder ``samba``; None: krb5kdc. ``origin``: the prepared realm that this one is a copy of; None: it is no copy.
    """

    directory: Path
    name: str
    domain: str
    digest: str
    lifetime: int
    renewable: int
    routes: tuple[HostRoute, ...] = ()
    netbios: str = ""
    samba: SambaPrograms | None = None
    origin: Path | None = None

    @property
    def keytab(self) -> Path:
        """The keytab of the cloud's service account, with the keys of all its SPNs."""
        return self.directory / SERVICE_ACCOUNT_KEYTAB

    def read_seed(self) -> str:
        """The secret from which the keys of the services are derived. Raises RealmError."""
        try:
            return (self.directory / _SEED).read_text(encoding="ascii")
        except OSError as error:
            raise RealmError(f"{self.directory / _SEED}: {error.strerror}") from error

    @property
    def mark(self) -> Mark:
        """What says that ``directory`` was made by ``prepare``."""
        return make_mark("realm", self.digest)

    def service_keytab(self, spn: str) -> Path:
        """The keytab of another service of the realm."""
        return self.directory / build_keytab_name(spn)

    def join_keytabs(self, spns: Sequence[str]) -> Path:
        """The keytab of a service with several SPNs, made from the keytabs of these ``spns``. Raises OSError."""
        if len(spns) == 1:
            return self.service_keytab(spns[0])
        joined = self.directory / build_keytab_name("+".join(spns))
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
            if source.name == self.mark.file:  # the copy belongs to the caller, so it has no mark
                continue
            # copy2 keeps the time stamps: the database module compares that of principal.ok with the one it has read.
            if source.is_dir():
                shutil.copytree(source, directory / source.name)
            else:
                shutil.copy2(source, directory / source.name)
        copy = replace(self, directory=directory, origin=self.origin or self.directory)
        copy.write_conf(None)
        return copy

    def write_conf(self, address: Address | None) -> None:
        """Write the settings of the KDC on ``address`` (None: not yet known), and krb5.conf."""
        if self.samba is not None:
            place = self.directory / SAMBA_FOLDER
            write_samba_conf(place, self.name, self.netbios, address, self.lifetime, self.renewable)
        values = {
            "realm": self.name,
            "directory": str(self.directory),
            "listen": str(address) if address else '""',
            "max_life": str(self.lifetime),
            "max_renewable_life": str(self.renewable),
        }
        (self.directory / "kdc.conf").write_text(render_template("kdc.conf", values), encoding="utf-8")
        kdcs = (address,) if address else ()
        # Since 1.21, and in Debian's 1.20.1, an MIT KDC issues no RC4 session keys by itself. A domain controller does,
        # for an account without AES; whether this one does is up to the account's types.
        options = ClientOptions(allow_rc4=True)
        others = OtherRealms(hosts=self.routes)
        write_krb5_conf(self.directory / "krb5.conf", self.name, self.domain, kdcs, options, others)


def compute_realm_digest(estate: Estate, of: Realm | None = None, trust_secret: str | None = None) -> str:
    """A digest of the inputs of ``prepare_realm``: equal digests mean equal realms. Raises RealmError."""
    realm = of or estate.default_realm
    # Another version of the programs may write another database format.
    tools = Path(find_program("kdb5_util")).stat()
    samba = _list_samba_parts(estate, realm) if realm.directory == "samba" else ()
    parts = (
        str(LAYOUT),
        *samba,
        f"{tools.st_size}:{tools.st_mtime_ns}",
        realm.name,
        realm.domain,
        f"{realm.ticket_lifetime}:{realm.renewable_lifetime}",
        build_principals_batch(estate, "", realm, trust_secret),
        (find_lab_files() / "kdc.conf").read_text(encoding="utf-8"),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _list_samba_parts(estate: Estate, realm: Realm) -> tuple[str, ...]:
    """What else the directory of Samba depends on; without a secret, the passwords of services are always the same."""
    accounts = repr([*list_samba_accounts(estate, realm, "")])
    return find_samba().version, realm.netbios, DIRECTORY_PROGRAM.read_text(encoding="utf-8"), accounts


def prepare_realm(
    estate: Estate, directory: Path, of: Realm | None = None, trust_secret: str | None = None
) -> PreparedRealm:
    """The realm ``of`` of ``estate`` (None: the first) in the cache ``directory``.

    If it is missing, it is created: 40 ms instead of 1 ms. If two processes prepare the same realm at once, both create
    it and one of the two results is kept. No process sees an incomplete one. ``trust_secret``: the secret from which
    the keys of trusts are derived, which all realms of an estate have to share (None: that of this realm). Raises
    RealmError or KerberosMissingError.
    """
    realm = of or estate.default_realm
    prepared = _describe(estate, realm, directory / compute_realm_digest(estate, realm, trust_secret))
    try:
        with open_or_create_folder(directory) as cache:
            try:
                _check(cache, prepared)
            except FileNotFoundError:
                _remove_old_drafts(cache, directory)
                _create_in(cache, directory, estate, prepared, trust_secret)
                _check(cache, prepared)
    except FolderRefusedError as error:
        raise RealmError(str(error)) from error
    return prepared


def _check(cache: int, realm: PreparedRealm) -> None:
    """Raise FolderRefusedError for a realm that somebody else made, whose keys are not to be trusted."""
    with open_folder(realm.digest, cache, realm.directory) as folder:
        check_mark(folder, realm.mark, realm.directory)


def _create_in(cache: int, directory: Path, estate: Estate, realm: PreparedRealm, secret: str | None) -> None:
    """Create the realm under a temporary name, then rename it, so that no process sees an incomplete one.

    ``cache`` is a descriptor of ``directory``.
    """
    draft = f"{realm.digest}{_DRAFT}{secrets.token_hex(4)}"
    try:
        with claim_folder(cache, draft, realm.mark, directory / draft):
            _create(estate, replace(realm, directory=directory / draft), secret)
        # Another process may have been faster, or another file may have that name: the caller checks it afterwards.
        with contextlib.suppress(OSError):
            os.rename(draft, realm.digest, src_dir_fd=cache, dst_dir_fd=cache)
    finally:
        with contextlib.suppress(FileNotFoundError):
            remove_marked(cache, draft, realm.mark, directory / draft)


def _remove_old_drafts(cache: int, directory: Path) -> None:
    """Remove incomplete realms of killed processes that are older than ``STALE_AFTER`` seconds."""
    for name in os.listdir(cache):
        digest, making, _ = name.partition(_DRAFT)
        with contextlib.suppress(FolderRefusedError, OSError):
            if making and time.time() - os.lstat(name, dir_fd=cache).st_mtime > STALE_AFTER:
                remove_marked(cache, name, make_mark("realm", digest), directory / name)


def _describe(estate: Estate, realm: Realm, directory: Path) -> PreparedRealm:
    routes = tuple(list_host_routes(estate, realm))
    return PreparedRealm(
        directory,
        realm.name,
        realm.domain,
        directory.name,
        realm.ticket_lifetime,
        realm.renewable_lifetime,
        routes,
        realm.netbios,
        find_samba() if realm.directory == "samba" else None,
    )


def _create(estate: Estate, prepared: PreparedRealm, trust_secret: str | None) -> None:
    realm = estate.realm(prepared.name) or estate.default_realm
    directory = prepared.directory
    seed = secrets.token_hex(32)
    secret = os.open(directory / _SEED, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(secret, "w", encoding="ascii") as stream:
        stream.write(seed)
    batch = build_principals_batch(estate, seed, realm, trust_secret)  # checks the names for Samba, too
    if prepared.samba is not None:
        provision_samba(prepared.samba, directory, estate, realm, seed)
    else:
        prepared.write_conf(None)
        # On standard input, because every user can read the command line of a process.
        password = secrets.token_hex(16)
        _run(prepared, "kdb5_util", ["create", "-s", "-r", prepared.name], f"{password}\n{password}\n")
        run_kadmin(prepared, batch)
    # These files contain the temporary directory name. Every copy gets new ones.
    for file in (*directory.glob("*.conf"), *directory.glob("*.log")):
        file.unlink()


def run_kadmin(realm: PreparedRealm, batch: str) -> str:
    """Run kadmin.local commands on ``realm``, one per line, in its directory, and return the output.

    A running krb5kdc sees the change at its next request. Raises RealmError with the first error message: kadmin.local
    itself exits with 0 also when a command of a batch fails.
    """
    commands = "\n".join(line for line in batch.splitlines() if line and not line.startswith("#")) + "\n"
    result = _run(realm, "kadmin.local", ["-r", realm.name], commands)
    if errors := result.stderr.strip():
        raise RealmError(f"kadmin.local: {errors.splitlines()[0]}")
    return result.stdout


def _run(realm: PreparedRealm, program: str, args: list[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        result = subprocess.run(  # noqa: S603 - the program was found by name, the arguments are fixed here
            [find_program(program), *args],
            input=text,
            capture_output=True,
            text=True,
            cwd=realm.directory,
            env=build_tool_environment(realm.directory),
            timeout=TOOL_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RealmError(f"{program}: no end after {TOOL_TIMEOUT:.0f} s; is the machine overloaded?") from error
    if result.returncode != 0:
        last = (result.stderr.strip() or describe_end(result.returncode)).splitlines()[-1]
        raise RealmError(f"{program}: {last}")
    return result
