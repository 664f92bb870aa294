#!/bin/sh
# Sets up what `make lab` and `make test` need: Debian packages, a virtual environment in .venv, pinned
# dependencies. Safe to run at any time: when nothing is to be done it says nothing and ends at once.
#
#   ./bootstrap.sh run         what the lab needs
#   ./bootstrap.sh dev         that, and what tests and checks need
#   ./bootstrap.sh --check     only say what this machine lacks
#   ./bootstrap.sh --packages  only the Debian packages; as root
#
# PYTHON=... chooses the interpreter. Exit codes: 0 set up; 1 a step failed, its last lines are shown;
# 2 the machine lacks something and the command that installs it is printed; 130 interrupted.
#
# Nothing is written outside the checkout but Debian packages and pip's own cache. The packages' post-install
# scripts would make a /etc/krb5.conf and enable a KDC and name servers at boot: that is undone here (see
# `keep_machine`).

set -u
LC_ALL=C
export LC_ALL

case $0 in
    */*) cd "${0%/*}" || exit 1 ;;
esac
here=$(pwd -P)
log=.venv/setup.log
gssapi_log=.venv/setup-gssapi.log
machine_before=/run/ssosim-setup
policy_mark='ssosim: temporary'
children=''

say() { printf '%s\n' "$*"; }
complain() { printf 'ssosim: %s\n' "$*" >&2; }

# ---------------------------------------------------------------------------- is there anything to do?

# One line that changes with everything the environment was made from.
fingerprint() {
    sum=$(cat pyproject.toml constraints.txt bootstrap.sh | cksum)
    printf '%s|%s|%s\n' "$sum" "$here" "$(readlink -f .venv/bin/python)"
}

ready() {
    [ -x .venv/bin/python ] || return 1
    now=$(fingerprint)
    # What tests need includes what the lab needs.
    for stamp in ".venv/.ready-$1" .venv/.ready-dev; do
        [ -r "$stamp" ] && read -r made <"$stamp" && [ "$made" = "$now" ] && return 0
    done
    return 1
}

# ---------------------------------------------------------------------------- the interpreter

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Able to make an environment and to compile an extension: Debian has both in packages of their own.
can_build() {
    "$1" -c 'import ensurepip, os, sysconfig, venv
raise SystemExit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null
}

# Prints the interpreter to use. One under /usr/bin may still lack what apt can add.
find_python() {
    for name in ${PYTHON:-python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11}; do
        found=$(command -v "$name") || continue
        new_enough "$found" || continue
        case $(readlink -f "$found") in
            /usr/bin/*) say "$found" && return 0 ;;
        esac
        can_build "$found" && say "$found" && return 0
    done
    return 1
}

python_packages() {
    if ! python=$(find_python); then
        # An old python3 is not made newer by apt; no python3 at all is.
        [ -n "${PYTHON:-}" ] || [ -e /usr/bin/python3 ] || say python3 python3-venv python3-dev
    elif ! can_build "$python"; then
        real=$(readlink -f "$python")
        [ "$real" != "$(readlink -f /usr/bin/python3)" ] || real=python3
        say "${real##*/}-venv ${real##*/}-dev"
    fi
}

need_python() {
    python=$(find_python) && return 0
    if [ -n "${PYTHON:-}" ]; then
        complain "PYTHON=$PYTHON cannot be used: it must be Python 3.11 or newer with venv, ensurepip and its C headers."
        exit 2
    fi
    has=$(python3 -V 2>/dev/null || say 'no python3')
    # shellcheck source=/dev/null
    system=$(. /etc/os-release 2>/dev/null && say "${PRETTY_NAME:-}")
    complain "Python 3.11 or newer is needed; ${system:-this machine} has $has."
    complain "Debian 12, Ubuntu 24.04 and later have it. On Ubuntu 22.04, install it beside the old one, as root:"
    complain "    apt-get install python3.11 python3.11-venv python3.11-dev"
    complain "and repeat this command. Any other one can be named: make lab PYTHON=/path/to/python3"
    exit 2
}

# ---------------------------------------------------------------------------- the Debian packages

# Prints the packages that are missing, on one line: for `run`, or for all.
missing_packages() {
    want='krb5-kdc krb5-admin-server krb5-user libkrb5-dev iproute2 util-linux curl bind9-dnsutils ca-certificates'
    # Tests put a real resolver in front of the lab's name servers, and look at its NSS database with NSS's own tools;
    # benches have dnsperf as the load, nsd beside it.
    [ "${1:-dev}" != dev ] || want="$want unbound dnsperf nsd libnss3-tools"
    # Tests look at the report in a browser. Ubuntu has it as a snap only: there the tests take one that they find.
    if [ "${1:-dev}" = dev ] && grep -qsx 'ID=debian' /etc/os-release &&
        ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
        want="$want chromium"
    fi
    # shellcheck disable=SC2016,SC2086 # dpkg's own variables; one word a package
    have=$(dpkg-query -W -f '${Package}=${db:Status-Status}\n' $want 2>/dev/null)
    missing=''
    for each in $want; do
        case "
$have
" in
            *"
$each=installed
"*) ;;
            *) missing="$missing $each" ;;
        esac
    done
    command -v make >/dev/null || missing="$missing make"
    command -v gcc >/dev/null && command -v cc >/dev/null || missing="$missing gcc libc6-dev"
    missing="$missing $(python_packages)"
    # shellcheck disable=SC2086 # words become a tidy line
    echo $missing
}

# Without dpkg nothing can be installed, but a machine that has the programs will do.
other_system() {
    missing=''
    PATH=$PATH:/usr/sbin:/sbin
    for each in krb5kdc kadmin.local kinit krb5-config gcc ip unshare flock curl dig; do
        command -v "$each" >/dev/null || missing="$missing $each"
    done
    [ -z "$missing" ] && return 0
    complain "this set-up installs packages on Debian and Ubuntu only. Install these programs, then repeat:$missing"
    exit 2
}

refuse() {
    complain "these Debian packages are missing, and installing them needs root, which cannot be had here:"
    complain "    $1"
    complain "Ask for one of these to be run, then repeat this command:"
    complain "    sudo sh '$here/bootstrap.sh' --packages $1"
    complain "        installs them, enables no service and leaves the Kerberos configuration as it is"
    complain "    sudo apt-get install --no-install-recommends $1"
    complain "        the bare command: it also makes /etc/krb5.conf and enables the services of what it installs"
    exit 2
}

# Sets `as_root` to the words that run a command as root, or returns 1.
find_root() {
    as_root=''
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || return 1
    as_root=sudo
    sudo -n true 2>/dev/null && return 0
    [ -t 0 ] && [ -t 2 ] || return 1
    say "Debian packages are missing: $1"
    say "sudo installs them and may ask for your password (Ctrl-C: print the command instead)."
    trap : INT
    sudo -v
    got=$?
    trap stop INT
    return "$got"
}

# Remembers the machine's own Kerberos configuration and which services were never there. $1: what will be installed.
# In /run, so that a set-up that was killed here is undone by the next one.
remember_machine() {
    [ -d "$machine_before" ] && return 0
    rm -rf "$machine_before.new"
    mkdir -m 700 "$machine_before.new" || return 1
    for file in krb5.conf krb5kdc/kdc.conf krb5kdc/kadm5.acl; do
        [ ! -e "/etc/$file" ] || cp -pL "/etc/$file" "$machine_before.new/${file##*/}" || return 1
    done
    for service in krb5-kdc krb5-admin-server unbound unbound-resolvconf nsd; do
        package=${service%-resolvconf}
        case " krb5-kdc krb5-admin-server $1 " in
            *" $package "*) ;;
            *) continue ;;
        esac
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            say "$service" >>"$machine_before.new/services"
    done
    mv "$machine_before.new" "$machine_before"
}

keep_machine() {
    [ -d "$machine_before" ] || return 0
    for file in krb5.conf krb5kdc/kdc.conf krb5kdc/kadm5.acl; do
        if [ ! -e "$machine_before/${file##*/}" ]; then
            rm -f "/etc/$file"
        else
            cp -p "$machine_before/${file##*/}" "/etc/$file" # owner, mode and time as well
        fi
    done
    if [ -e "$machine_before/services" ]; then
        while read -r service; do
            [ ! -d /run/systemd/system ] || systemctl stop "$service.service"
            # Disabled, not removed: so an upgrade of the package does not enable it again.
            deb-systemd-helper disable "$service.service"
            [ ! -e "/etc/init.d/$service" ] || update-rc.d "$service" disable
        done <"$machine_before/services"
        [ ! -d /run/systemd/system ] || systemctl daemon-reload
    fi
    ! grep -qs "$policy_mark" /usr/sbin/policy-rc.d || rm -f /usr/sbin/policy-rc.d
    rm -rf "$machine_before"
}

apt() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -q -y -o DPkg::Lock::Timeout=300 -o APT::Keep-Downloaded-Packages=false "$@"
}

fetch_packages() {
    # A fresh machine has no lists, a stale one has lists that name files long gone.
    # shellcheck disable=SC2086 # one word a package
    apt install --no-install-recommends --download-only $1 ||
        { apt update && apt install --no-install-recommends --download-only $1; }
}

# The part that must not be cut short: dpkg killed half-way needs an administrator's repair.
unpack_packages() {
    remember_machine "$1" || return 1
    trap keep_machine EXIT
    trap 'exit 1' HUP INT TERM
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        {
            say '#!/bin/sh'
            say "# $policy_mark: no KDC and no name server is started while it is being installed"
            # shellcheck disable=SC2016 # for the script that is written
            say 'case $1 in krb5-kdc* | krb5-admin-server* | unbound* | nsd*) exit 101 ;; esac'
        } >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    if grep -qs '^krb5-kdc$' "$machine_before/services"; then
        say 'krb5-kdc krb5-kdc/debconf boolean false' | debconf-set-selections
    fi
    # shellcheck disable=SC2086 # one word a package
    apt install --no-install-recommends $1
}

packages_as_root() {
    if [ "$(id -u)" -ne 0 ]; then
        complain "--packages installs Debian packages: run it as root (sudo sh '$here/bootstrap.sh' --packages)"
        exit 2
    fi
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    lacking=${*:-$(missing_packages)}
    if [ -z "$lacking" ] && [ ! -d "$machine_before" ]; then
        say 'No Debian package is missing.'
        exit 0
    fi
    say "Debian packages: $lacking"
    [ -z "$lacking" ] || fetch_packages "$lacking" || exit 1
    # A session of its own: Ctrl-C and a closed terminal do not reach dpkg, they are obeyed after it.
    interrupted=''
    trap interrupted=yes HUP TERM
    trap 'interrupted=yes; say " (Ctrl-C: stops as soon as dpkg is done)" 2>/dev/null >/dev/tty' INT
    setsid sh ./bootstrap.sh --unpack "$lacking" &
    while
        wait $!
        status=$?
        kill -0 $! 2>/dev/null
    do :; done
    [ -z "$interrupted" ] || exit 130
    exit "$status"
}

# ---------------------------------------------------------------------------- steps, shown and logged

# `sudo make` in a user's checkout must not leave what the user cannot change.
hand_over() {
    if [ "$(id -u)" -eq 0 ] && [ "$(stat -c %u .)" -ne 0 ]; then
        chown -R "$(stat -c %u:%g .)" .venv
    fi
}

# Ends what was started and gives what there is to its owner.
abandon() {
    trap '' INT TERM HUP
    for each in $children; do
        kill -s TERM -- "-$each" 2>/dev/null || kill -s TERM "$each" 2>/dev/null
    done
    wait
    hand_over
}

stop() {
    abandon
    printf '\n'
    complain 'set-up interrupted; the next run starts it afresh.'
    exit 130
}

show_failure() {
    say failed
    complain "$1: failed. The last lines of $here/$2:"
    tail -n 25 "$2" | sed 's/^/    /' >&2
    complain 'No network, or no package index? Repeat this command when it is back. Behind a mirror: pip and apt are'
    complain 'configured as anywhere else (pip.conf, PIP_INDEX_URL, apt.conf).'
    abandon
    exit 1
}

# begin LOG COMMAND...: starts it in a process group of its own, its number in `begun`.
begin() {
    into=$1
    shift
    setsid "$@" >>"$into" 2>&1 </dev/null &
    begun=$!
    children="$children $begun"
}

# finish WHAT ABOUT PID LOG: waits for it and tells.
finish() {
    printf '  %-44s %-14s' "$1" "($2)"
    wait "$3" || show_failure "$1" "$4"
    now=$(date +%s)
    say "done at $((now - started)) s"
}

step() {
    what=$1
    about=$2
    shift 2
    printf '\n== %s\n' "$what" >>$log
    begin $log "$@"
    finish "$what" "$about" "$begun" $log
}

# ---------------------------------------------------------------------------- the virtual environment

usable_venv() {
    [ ! -e .venv/.incomplete ] && [ -x .venv/bin/pip ] &&
        grep -qsF "$here/.venv/bin/python" .venv/bin/pip && # not moved, not copied
        new_enough .venv/bin/python && .venv/bin/python -c 'import pip' 2>/dev/null
}

# Whether .venv may be removed: it was made here, or nothing would be lost.
own_venv() {
    [ ! -L .venv ] || return 1
    [ ! -e .venv ] || [ -e .venv/setup.log ] || [ -e .venv/.incomplete ] || rmdir .venv 2>/dev/null
}

# Everything pyproject.toml asks for but gssapi, which is being built meanwhile.
write_requirements() {
    .venv/bin/python - "$1" <<'END'
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)
wanted = project["project"]["dependencies"]
if sys.argv[1] == "dev":
    wanted = wanted + project["dependency-groups"]["dev"]
print("\n".join(each for each in wanted if not each.startswith("gssapi")))
END
}

make_venv() {
    unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_REQUIRE_HASHES
    TMPDIR=$here/.venv/tmp
    # Build requirements are pinned as well: older pip reads the first variable for them, newer the second.
    # Relative, for pip splits them at blanks.
    PIP_CONSTRAINT=constraints.txt
    PIP_BUILD_CONSTRAINT=constraints.txt
    PIP_DISABLE_PIP_VERSION_CHECK=1
    PIP_NO_INPUT=1
    PIP_USER=0
    export TMPDIR PIP_CONSTRAINT PIP_BUILD_CONSTRAINT PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT PIP_USER
    pip=.venv/bin/pip

    if [ ! -x $pip ]; then
        step 'virtual environment' 'about 5 s' "$python" -m venv .venv
    fi
    step 'pip' 'about 5 s' .venv/bin/python -m pip install pip
    begin $log .venv/bin/python -m pip uninstall -q -y setuptools wheel # ensurepip's own, used by nothing
    wait "$begun"

    # No wheel of gssapi for Linux: it is compiled, on one core, while the rest is fetched on the other.
    # At run time its time is spent in libkrb5: optimising and debug data would cost minutes here and gain nothing.
    printf '[build_ext]\nparallel = 2\n' >.venv/tmp/build.cfg
    begin $gssapi_log env CFLAGS='-O0 -g0' DIST_EXTRA_CONFIG="$TMPDIR/build.cfg" \
        $pip install --no-deps --no-binary gssapi gssapi
    gssapi=$begun
    write_requirements "$1" >.venv/tmp/requirements.txt || show_failure 'requirements of pyproject.toml' $log
    step 'Python packages' 'about 20 s' $pip install --only-binary :all: -r .venv/tmp/requirements.txt
    finish 'gssapi, compiled' 'about 20 s' "$gssapi" $gssapi_log
    step 'ssosim' 'about 5 s' $pip install -e '.[lab]'
    step 'check' 'about 1 s' .venv/bin/python -c 'import gssapi, lxml.etree, cryptography.x509, aiohttp, ssosim'
}

set_up() {
    level=$1
    if [ ! -w . ] || { [ -e .venv ] && [ ! -w .venv ]; }; then
        if [ -e .venv ] && [ -w . ]; then
            complain "the environment $here/.venv belongs to $(stat -c %U .venv) and is out of date. Remove it, then repeat:"
            complain "    sudo rm -rf '$here/.venv'"
        else
            complain "$here cannot be written to by $(id -un): use a copy of your own (git clone '$here' ~/ssosim)."
        fi
        exit 2
    fi
    if command -v flock >/dev/null; then
        exec 9<bootstrap.sh
        flock -n 9 || { say 'ssosim: another set-up is running in this checkout; waiting for it.' && flock 9; }
        ready "$level" && exit 0
    fi

    trap stop INT TERM HUP
    started=$(date +%s)
    umask 022
    lacking=''
    if command -v dpkg-query >/dev/null; then
        lacking=$(missing_packages "$level")
    else
        other_system
    fi
    undone=''
    [ ! -d "$machine_before" ] || undone=yes
    if [ -n "$lacking$undone" ]; then
        find_root "$lacking" || refuse "$lacking"
    fi
    [ -n "$lacking" ] || need_python

    if ! usable_venv; then
        own_venv || {
            complain "$here/.venv was not made by this set-up, and cannot be used. Move it away, then repeat."
            exit 2
        }
        rm -rf .venv || exit 1
    fi
    rm -f .venv/.ready-*
    mkdir -p .venv/tmp || exit 1
    : >.venv/.incomplete
    : >$log
    : >$gssapi_log
    say "ssosim: setting up $here/.venv, about a minute the first time (details: $log)"
    if [ -n "$lacking$undone" ]; then
        printf '  %-44s %-14s' 'Debian packages' '(about 60 s)'
        # In the foreground, for sudo's sake. Ctrl-C is obeyed while fetching and waits while dpkg is at work.
        # shellcheck disable=SC2086 # one word a package
        $as_root sh ./bootstrap.sh --packages $lacking >>$log 2>&1
        case $? in
            0) ;;
            130) stop ;; # sudo gives the command a terminal of its own: Ctrl-C arrives there, and not here
            *) show_failure 'Debian packages' $log ;;
        esac
        say "done at $(($(date +%s) - started)) s"
        need_python
    fi
    make_venv "$level"
    rm -rf .venv/tmp
    fingerprint >.venv/.ready.new
    rm -f .venv/.incomplete
    mv .venv/.ready.new ".venv/.ready-$level"
    hand_over
    say "ssosim: set up in $(($(date +%s) - started)) s"
}

# ---------------------------------------------------------------------------- what was asked

case ${1:-} in
    run | dev)
        ready "$1" || set_up "$1"
        ;;
    --check)
        command -v dpkg-query >/dev/null || { other_system && exit 0; }
        lacking=$(missing_packages)
        if [ -n "$lacking" ]; then
            say "Missing Debian packages: $lacking"
            say "Install them with:"
            say "    sudo sh '$here/bootstrap.sh' --packages"
            exit 2
        fi
        need_python
        say "Nothing is missing ($("$python" -V))."
        ;;
    --packages)
        shift
        packages_as_root "$@"
        ;;
    --unpack) unpack_packages "${2:-}" ;;
    *)
        sed -n '2,/^$/s/^# \{0,1\}//p' bootstrap.sh
        [ "${1:-}" = --help ] || exit 2
        ;;
esac
