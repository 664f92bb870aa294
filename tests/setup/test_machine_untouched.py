"""Installing the packages does not change the Kerberos configuration and the services of the machine.

The real script runs as root of a user and mount namespace, with test folders mounted over /etc, /run and /usr/sbin, and
with an apt-get that does the same as the packages' post-install scripts (source: krb5-config 2.7 and krb5-kdc 1.20.1
postinst).
"""

import subprocess
from pathlib import Path

import pytest

APT = """#!/bin/sh
echo "apt-get $*" >>"$CALLS"
case "$*" in *--download-only*) exit 0 ;; esac
/usr/sbin/policy-rc.d krb5-kdc start
echo "start of krb5-kdc: $?" >>"$CALLS"
/usr/sbin/policy-rc.d unbound start
echo "start of unbound: $?" >>"$CALLS"
/usr/sbin/policy-rc.d ssh start
echo "start of ssh: $?" >>"$CALLS"
{ cat /etc/krb5.conf; echo '[changed]'; } 2>/dev/null >/etc/krb5.conf.new
mv /etc/krb5.conf.new /etc/krb5.conf
[ -e /etc/krb5kdc/kdc.conf ] || echo generated >/etc/krb5kdc/kdc.conf
"""
NAMESPACE = """
mount --bind "$1/etc" /etc && mount --bind "$1/run" /run && mount --bind "$1/sbin" /usr/sbin || exit 99
PATH=$2 exec sh "$3" --packages krb5-kdc krb5-user unbound nsd
"""


@pytest.fixture
def machine(tmp_path, checkout) -> Path:
    """Return the parent of the folders for /etc, /run and /usr/sbin; no Kerberos package is installed."""
    for name in ("etc/krb5kdc", "run", "sbin"):
        (tmp_path / name).mkdir(parents=True)
    checkout.fake("dpkg-query", "#!/bin/sh\nexit 1\n")
    checkout.fake("id", "#!/bin/sh\necho 0\n")
    checkout.fake("apt-get", APT)
    for name in ("deb-systemd-helper", "update-rc.d", "debconf-set-selections"):
        checkout.fake(name, f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n')
    return tmp_path


def _install(machine: Path, checkout) -> subprocess.CompletedProcess[str]:
    """Run `bootstrap.sh --packages` on that machine."""
    space = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", NAMESPACE, "sh"]
    return subprocess.run(
        [*space, machine, checkout.bin, checkout.path / "bootstrap.sh"],
        env=checkout.environment(PATH="/usr/bin:/bin"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _tree(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Return every file with its content, mode and time."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {str(each): (each.read_text(), each.stat().st_mode, each.stat().st_mtime_ns) for each in files}


def test_new_files_are_removed_and_services_disabled(machine, checkout):
    """No /etc/krb5.conf, kdc.conf or policy-rc.d is left; no service starts meanwhile, and none stays enabled."""
    done = _install(machine, checkout)
    assert done.returncode == 0, done.stderr
    calls = checkout.calls()
    assert {"start of krb5-kdc: 101", "start of unbound: 101", "start of ssh: 0"} <= set(calls)
    services = ("krb5-kdc", "krb5-admin-server", "unbound", "unbound-resolvconf", "nsd")
    assert {f"deb-systemd-helper disable {each}.service" for each in services} <= set(calls)
    assert _tree(machine / "etc") == _tree(machine / "run") == _tree(machine / "sbin") == {}
    assert not (machine / "run/ssosim-setup").exists()


def test_own_configuration_is_kept_byte_for_byte(machine, checkout):
    """Existing krb5.conf, kdc.conf and policy-rc.d are not changed, nor are their modes and times."""
    (machine / "etc/krb5.conf").write_text("[libdefaults]\n")
    (machine / "etc/krb5.conf").chmod(0o640)
    (machine / "etc/krb5kdc/kdc.conf").write_text("[kdcdefaults]\n")
    (machine / "sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (machine / "sbin/policy-rc.d").chmod(0o755)
    before = _tree(machine / "etc") | _tree(machine / "sbin")
    assert _install(machine, checkout).returncode == 0
    assert "start of ssh: 101" in checkout.calls()
    assert _tree(machine / "etc") | _tree(machine / "sbin") == before


def test_services_of_an_installed_kdc_stay(machine, checkout):
    """On a machine with a KDC, its services are not disabled when another package is installed."""
    checkout.fake("dpkg-query", "#!/bin/sh\necho installed\n")
    assert _install(machine, checkout).returncode == 0
    assert not any("disable" in call for call in checkout.calls())


def test_a_killed_installation_is_undone_by_the_next(machine, checkout):
    """After a kill -9, the next run restores the state from before the first one."""
    checkout.fake("apt-get", APT + "kill -9 $PPID\n")
    assert _install(machine, checkout).returncode != 0
    assert (machine / "etc/krb5.conf").exists()
    checkout.fake("apt-get", APT)
    assert _install(machine, checkout).returncode == 0
    assert _tree(machine / "etc") == _tree(machine / "sbin") == {}
