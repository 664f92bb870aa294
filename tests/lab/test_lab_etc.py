"""``ssosim exec --etc``: files of one device's ``/etc``."""

from pathlib import Path

import pytest

from ssosim.lab.base import linux
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.program_devices.device_files import resolve_readable_folder, write_device_files

URL = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"


def folder(tmp_path, **files):
    """A folder with these files; ``__`` stands for a slash."""
    made = tmp_path / "my, own: etc"  # what an overlay's options would take for their own signs
    for name, text in files.items():
        file = made / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return made


def test_the_files_of_a_folder_are_in_this_devices_etc_only(running, tmp_path):
    """New folders, new files and files in the place of the machine's; the rest stays, and no other device sees it."""
    own = folder(tmp_path, chromium__policies__managed__x="{}\n", hostname="my-desk\n", new="new\n")
    names = ["chromium/policies/managed/x", "hostname", "new", "chromium/policies/managed/ssosim.json", "passwd"]
    script = f"cd /etc && cat {' '.join(names[:3])} && ls {' '.join(names)}"
    done = running.run("exec", "--etc", str(own), "--", "sh", "-c", script)
    assert done.stdout.split() == ["{}", "my-desk", "new", *sorted(names)], done.stderr
    other = running.run("exec", "--", "sh", "-c", "cat /etc/hostname; ls /etc/new /etc/chromium/policies/managed")
    assert other.stdout.startswith("desk-1\n")
    assert other.stdout.split()[-1] == "ssosim.json"
    assert not Path("/etc/new").exists()


@pytest.mark.parametrize("own", ["/etc", "/", "/etc/../etc"])
def test_etc_itself_is_refused_as_the_folder(own):
    """The error says what to give instead."""
    with pytest.raises(LabInputError, match="this is /etc itself; give another folder"):
        resolve_readable_folder(own)


def test_what_a_program_writes_does_not_reach_the_folder(running, tmp_path):
    """The folder is the user's: what happens in the device's /etc stays on the device."""
    own = folder(tmp_path, mine="kept\n")
    running.run("exec", "--etc", str(own), "--", "sh", "-c", "echo changed >/etc/mine; echo new >/etc/other")
    assert {path.name: path.read_text() for path in own.iterdir()} == {"mine": "kept\n"}


def test_the_labs_own_settings_stay_under_a_folder(running, tmp_path):
    """Names, tickets and trust are the lab's where the folder does not say otherwise."""
    own = folder(tmp_path, new="new\n")
    curl = ["curl", "-sS", "--negotiate", "-u", ":", "-o", "/dev/null", "-w", "%{http_code}", URL]
    assert running.run("exec", "--etc", str(own), "--", *curl).stdout == "200"


def test_a_krb5_conf_of_the_user_replaces_the_labs(running, tmp_path):
    """Programs get its path: libkrb5 by KRB5_CONFIG, the JVM by its option. With no realm known there is no KDC."""
    own = folder(
        tmp_path, **{"krb5.conf": "[libdefaults]\ndefault_realm = ELSEWHERE.EXAMPLE\ndns_lookup_kdc = false\n"}
    )
    script = "echo $KRB5_CONFIG; echo $JAVA_TOOL_OPTIONS; kinit nobody </dev/null; klist -s && kvno HTTP/x"
    done = running.run("exec", "--etc", str(own), "--", "sh", "-c", script)
    path, java = done.stdout.splitlines()[:2]
    assert path == "/etc/krb5.conf"
    assert "-Djava.security.krb5.conf=/etc/krb5.conf " in java
    assert 'Cannot find KDC for realm "ELSEWHERE.EXAMPLE"' in done.stderr


def test_a_resolv_conf_of_the_user_replaces_the_labs(running, tmp_path):
    """Nothing of the lab's covers it."""
    own = folder(tmp_path, **{"resolv.conf": "nameserver 10.10.0.53\noptions attempts:1\n"})
    done = running.run("exec", "--etc", str(own), "--", "cat", "/etc/resolv.conf")
    assert done.stdout == "nameserver 10.10.0.53\noptions attempts:1\n"


def test_a_missing_folder_is_reported(running, tmp_path):
    """Exit code 125 (the program's own codes are its own), with the option, before anything is started."""
    (tmp_path / "file").write_text("")
    for name in ("nowhere", "file"):
        done = running.run("exec", "--etc", str(tmp_path / name), "--", "true")
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith(f"ssosim: --etc {tmp_path / name}: no such folder"), done.stderr


def test_an_ordinary_user_has_the_same(as_user):
    """Files of one's own, the NSS database, and trust, without any privilege."""
    (as_user.home / "etc").mkdir()
    (as_user.home / "etc/new").write_text("new\n")
    (as_user.home / ".pki/nssdb").mkdir(parents=True)
    assert as_user("up", "--detach").returncode == 0
    script = f"cat /etc/new; ls ~/.pki/nssdb; curl -sS --negotiate -u : -o /dev/null -w '%{{http_code}} ' {URL}; env"
    done = as_user("exec", "--etc", "etc", "--", "sh", "-c", script)
    assert done.stdout.split()[:4] == ["new", "cert9.db", "key4.db", "200"], done.stderr
    assert "SSOSIM_USER=alice@contoso.com" in done.stdout
    assert list((as_user.home / ".pki/nssdb").iterdir()) == []


def test_where_overlays_are_refused_the_folder_is_not_written_to_either(tmp_path, monkeypatch):
    """Files are bound over the machine's: copies of the folder's, on the device, and no link that leads elsewhere."""
    own, scratch, bound = folder(tmp_path, hosts="127.0.0.1 mine\n"), tmp_path / "device" / "etc", {}
    scratch.parent.mkdir()
    monkeypatch.setattr(linux, "mount", lambda source, target, **_: bound.update({str(target): Path(source)}))
    attachment = {"etc": "", "etc_files": "", "etc_layers": [], "resolv_conf": "", "nss_database": None}
    write_device_files(scratch.parent, attachment, str(own))
    (source,) = bound.values()
    assert list(bound) == [str(Path("/etc/hosts").resolve())]
    assert source.is_relative_to(scratch)
    assert (source.read_text(), source.is_symlink()) == ("127.0.0.1 mine\n", False)
