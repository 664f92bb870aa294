#!/bin/sh
# Install the requirements of `make lab` and `make test`: Debian packages, and a virtual environment in .venv with
# pinned dependencies. Safe to run at any time: if nothing is missing, it prints nothing and ends at once.
#
#   ./bootstrap.sh run         install the requirements of the lab
#   ./bootstrap.sh dev         install these, and the requirements of tests and checks
#   ./bootstrap.sh --check     print what this machine lacks, change nothing
#   ./bootstrap.sh --packages  install the Debian packages only; run it as root
#
# PYTHON=... selects the interpreter. Exit codes: 0 everything is installed; 1 a step failed, its last lines are
# printed; 2 the machine lacks something, and the command that installs it is printed; 130 interrupted.
#
# Outside the checkout only Debian packages and pip's cache are written. The post-install scripts of the packages
# create /etc/krb5.conf and enable a KDC and name servers at boot; this script undoes that (see `restore_machine`).

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
print_error() { printf 'ssosim: %s\n' "$*" >&2; }

# ---------------------------------------------------------------------------- is anything missing?

# Prints one line that depends on every input of the environment.
fingerprint() {
    sum=$(cat pyproject.toml constraints.txt bootstrap.sh | cksum)
    printf '%s|%s|%s\n' "$sum" "$here" "$(readlink -f .venv/bin/python)"
}

is_ready() {
    [ -x .venv/bin/python ] || return 1
    now=$(fingerprint)
    # The requirements of tests include those of the lab.
    for stamp in ".venv/.ready-$1" .venv/.ready-dev; do
        [ -r "$stamp" ] && read -r made <"$stamp" && [ "$made" = "$now" ] && return 0
    done
    return 1
}

# ---------------------------------------------------------------------------- the interpreter

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Whether it can make a virtual environment and compile an extension: Debian has separate packages for both.
can_build() {
    "$1" -c 'import ensurepip, os, sysconfig, venv
raise SystemExit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' 2>/dev/null
}

# Prints the interpreter to use. One in /usr/bin may lack modules that apt can install.
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
        # apt can install a missing python3, but no newer version of an old one.
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
        print_error "PYTHON=$PYTHON cannot be used: it must be Python 3.11 or newer with venv, ensurepip and C headers."
        exit 2
    fi
    has=$(python3 -V 2>/dev/null || say 'no python3')
    # shellcheck source=/dev/null
    system=$(. /etc/os-release 2>/dev/null && say "${PRETTY_NAME:-}")
    print_error "Python 3.11 or newer is needed; ${system:-this machine} has $has."
    print_error "Debian 12, Ubuntu 24.04 and later have it. On Ubuntu 22.04, install a second version, as root:"
    print_error "    apt-get install python3.11 python3.11-venv python3.11-dev"
    print_error "and repeat this command. Another interpreter can be selected: make lab PYTHON=/path/to/python3"
    exit 2
}

# ---------------------------------------------------------------------------- the Debian packages

# Prints the missing packages on one line: those for `run`, or all.
missing_packages() {
    want='krb5-kdc krb5-admin-server krb5-user libkrb5-dev iproute2 util-linux curl bind9-dnsutils ca-certificates'
    # Tests query the lab's name servers through unbound, compare their answers with those of named (bind9), and read
    # its NSS database with NSS's own tools; libkrb5 needs krb5-k5tls for a KDC proxy; benchmarks use dnsperf as the load
    # and nsd for comparison.
    [ "${1:-dev}" != dev ] || want="$want unbound bind9 dnsperf nsd libnss3-tools krb5-k5tls"
    # Tests open the report in a browser. Ubuntu has Chromium as a snap only; there the tests use any installed browser.
    if [ "${1:-dev}" = dev ] && grep -qsx 'ID=debian' /etc/os-release &&
        ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
        want="$want chromium"
    fi
    # shellcheck disable=SC2016,SC2086 # dpkg's variables; one word for each package
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
    # shellcheck disable=SC2086 # removes extra spaces
    echo $missing
}

# Without dpkg nothing can be installed; a machine that has the programs already is sufficient.
check_other_system() {
    missing=''
    PATH=$PATH:/usr/sbin:/sbin
    for each in krb5kdc kadmin.local kinit krb5-config gcc ip unshare flock curl dig; do
        command -v "$each" >/dev/null || missing="$missing $each"
    done
    [ -z "$missing" ] && return 0
    print_error "this set-up installs packages on Debian and Ubuntu only. Install these programs, then repeat:$missing"
    exit 2
}

refuse_without_root() {
    print_error "these Debian packages are missing, and installing them needs root, which is not available here:"
    print_error "    $1"
    print_error "Ask an administrator to run one of these commands, then repeat this one:"
    print_error "    sudo sh '$here/bootstrap.sh' --packages $1"
    print_error "        installs them, enables no service and does not change the Kerberos configuration"
    print_error "    sudo apt-get install --no-install-recommends $1"
    print_error "        the plain command: it also creates /etc/krb5.conf and enables the services of these packages"
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

# Saves the Kerberos configuration of the machine, and the list of services that are not installed yet.
# $1: the packages to install. The copy is in /run, so that the next run can restore it if this one is killed.
save_machine() {
    [ -d "$machine_before" ] && return 0
    rm -rf "$machine_before.new"
    mkdir -m 700 "$machine_before.new" || return 1
    for file in krb5.conf krb5kdc/kdc.conf krb5kdc/kadm5.acl; do
        [ ! -e "/etc/$file" ] || cp -pL "/etc/$file" "$machine_before.new/${file##*/}" || return 1
    done
    for service in krb5-kdc krb5-admin-server unbound unbound-resolvconf named nsd; do
        package=${service%-resolvconf}
        [ "$package" != named ] || package=bind9 # the unit of the package bind9
        case " krb5-kdc krb5-admin-server $1 " in
            *" $package "*) ;;
            *) continue ;;
        esac
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            say "$service" >>"$machine_before.new/services"
    done
    mv "$machine_before.new" "$machine_before"
}

restore_machine() {
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
    # A new machine has no package lists, and old lists may name files that do not exist any more.
    # shellcheck disable=SC2086 # one word for each package
    apt install --no-install-recommends --download-only $1 ||
        { apt update && apt install --no-install-recommends --download-only $1; }
}

# This part must not be interrupted: after a kill in the middle, dpkg needs a repair by an administrator.
unpack_packages() {
    save_machine "$1" || return 1
    trap restore_machine EXIT
    trap 'exit 1' HUP INT TERM
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        {
            say '#!/bin/sh'
            say "# $policy_mark: no KDC and no name server is started while it is being installed"
            # shellcheck disable=SC2016 # for the script that is written
            say 'case $1 in krb5-kdc* | krb5-admin-server* | unbound* | named* | bind9* | nsd*) exit 101 ;; esac'
        } >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    if grep -qs '^krb5-kdc$' "$machine_before/services"; then
        say 'krb5-kdc krb5-kdc/debconf boolean false' | debconf-set-selections
    fi
    # shellcheck disable=SC2086 # one word for each package
    apt install --no-install-recommends $1
}

packages_as_root() {
    if [ "$(id -u)" -ne 0 ]; then
        print_error "--packages installs Debian packages: run it as root (sudo sh '$here/bootstrap.sh' --packages)"
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
    # A separate session: Ctrl-C and a closed terminal do not reach dpkg; they take effect after it has ended.
    interrupted=''
    trap interrupted=yes HUP TERM
    trap 'interrupted=yes; say " (Ctrl-C: stops as soon as dpkg has ended)" 2>/dev/null >/dev/tty' INT
    setsid sh ./bootstrap.sh --unpack "$lacking" &
    while
        wait $!
        status=$?
        kill -0 $! 2>/dev/null
    do :; done
    [ -z "$interrupted" ] || exit 130
    exit "$status"
}

# ---------------------------------------------------------------------------- steps, printed and logged

# After `sudo make` in a user's checkout, .venv must belong to the user.
give_to_owner() {
    if [ "$(id -u)" -eq 0 ] && [ "$(stat -c %u .)" -ne 0 ]; then
        chown -R "$(stat -c %u:%g .)" .venv
    fi
}

# Ends the processes that were started, and gives .venv to its owner.
abandon() {
    trap '' INT TERM HUP
    for each in $children; do
        kill -s TERM -- "-$each" 2>/dev/null || kill -s TERM "$each" 2>/dev/null
    done
    wait
    give_to_owner
}

stop() {
    abandon
    printf '\n'
    print_error 'set-up interrupted; the next run starts it again.'
    exit 130
}

show_failure() {
    say failed
    print_error "$1: failed. The last lines of $here/$2:"
    tail -n 25 "$2" | sed 's/^/    /' >&2
    print_error 'No network, or no package index? Repeat this command when it is available. For a mirror, configure pip'
    print_error 'and apt as usual (pip.conf, PIP_INDEX_URL, apt.conf).'
    abandon
    exit 1
}

# begin LOG COMMAND...: starts the command in its own process group; sets `begun` to its process id.
begin() {
    into=$1
    shift
    setsid "$@" >>"$into" 2>&1 </dev/null &
    begun=$!
    children="$children $begun"
}

# finish WHAT ABOUT PID LOG: waits for the process and prints the result.
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

# Whether .venv may be removed: this script made it, or it is empty.
own_venv() {
    [ ! -L .venv ] || return 1
    [ ! -e .venv ] || [ -e .venv/setup.log ] || [ -e .venv/.incomplete ] || rmdir .venv 2>/dev/null
}

# Prints the requirements of pyproject.toml: with "before" those that do not need gssapi, which is compiled at the same
# time, and with "after" the others, without gssapi itself.
write_requirements() {
    .venv/bin/python - "$1" "$2" <<'END'
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)
wanted = project["project"]["dependencies"]
if sys.argv[1] == "dev":
    wanted = wanted + project["dependency-groups"]["dev"]
of_gssapi = [each for each in wanted if "gssapi" in each]
chosen = [each for each in wanted if each not in of_gssapi]
if sys.argv[2] == "after":
    chosen = [each for each in of_gssapi if not each.startswith("gssapi")]
print("\n".join(chosen))
END
}

make_venv() {
    unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_REQUIRE_HASHES
    TMPDIR=$here/.venv/tmp
    # Build requirements are pinned as well: older pip reads the first variable for them, newer the second.
    # Relative paths, because pip splits the values at spaces.
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
    begin $log .venv/bin/python -m pip uninstall -q -y setuptools wheel # from ensurepip, not used
    wait "$begun"

    # There is no wheel of gssapi for Linux: it is compiled while the other packages are downloaded.
    # Without optimisation and debug data, which take minutes here: at run time nearly all its time is in libkrb5.
    printf '[build_ext]\nparallel = 2\n' >.venv/tmp/build.cfg
    begin $gssapi_log env CFLAGS='-O0 -g0' DIST_EXTRA_CONFIG="$TMPDIR/build.cfg" \
        $pip install --no-deps --no-binary gssapi gssapi
    gssapi=$begun
    write_requirements "$1" before >.venv/tmp/requirements.txt || show_failure 'requirements of pyproject.toml' $log
    write_requirements "$1" after >.venv/tmp/of-gssapi.txt || show_failure 'requirements of pyproject.toml' $log
    step 'Python packages' 'about 20 s' $pip install --only-binary :all: -r .venv/tmp/requirements.txt
    finish 'gssapi, compiled' 'about 20 s' "$gssapi" $gssapi_log
    if [ -n "$(cat .venv/tmp/of-gssapi.txt)" ]; then
        step 'packages for gssapi' 'about 3 s' $pip install --only-binary :all: -r .venv/tmp/of-gssapi.txt
    fi
    step 'ssosim' 'about 5 s' $pip install -e '.[lab]'
    step 'check' 'about 1 s' .venv/bin/python -c 'import gssapi, lxml.etree, cryptography.x509, aiohttp, ssosim'
}

set_up() {
    level=$1
    if [ ! -w . ] || { [ -e .venv ] && [ ! -w .venv ]; }; then
        if [ -e .venv ] && [ -w . ]; then
            print_error "the environment $here/.venv belongs to $(stat -c %U .venv) and is out of date. Remove it:"
            print_error "    sudo rm -rf '$here/.venv'"
        else
            print_error "$here is not writable for $(id -un): use your own copy (git clone '$here' ~/ssosim)."
        fi
        exit 2
    fi
    if command -v flock >/dev/null; then
        exec 9<bootstrap.sh
        flock -n 9 || { say 'ssosim: another set-up is running in this checkout; waiting for it to end.' && flock 9; }
        is_ready "$level" && exit 0
    fi

    trap stop INT TERM HUP
    started=$(date +%s)
    umask 022
    lacking=''
    if command -v dpkg-query >/dev/null; then
        lacking=$(missing_packages "$level")
    else
        check_other_system
    fi
    undone=''
    [ ! -d "$machine_before" ] || undone=yes
    if [ -n "$lacking$undone" ]; then
        find_root "$lacking" || refuse_without_root "$lacking"
    fi
    [ -n "$lacking" ] || need_python

    if ! usable_venv; then
        own_venv || {
            print_error "$here/.venv was not made by this set-up, and cannot be used. Move it away, then repeat."
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
        # In the foreground, because sudo may ask for a password. Ctrl-C works in the download, and after dpkg.
        # shellcheck disable=SC2086 # one word for each package
        $as_root sh ./bootstrap.sh --packages $lacking >>$log 2>&1
        case $? in
            0) ;;
            130) stop ;; # sudo gives the command its own terminal: Ctrl-C arrives there, and not in this shell
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
    give_to_owner
    say "ssosim: set up in $(($(date +%s) - started)) s"
}

# ---------------------------------------------------------------------------- the command

case ${1:-} in
    run | dev)
        is_ready "$1" || set_up "$1"
        ;;
    --check)
        command -v dpkg-query >/dev/null || { check_other_system && exit 0; }
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
