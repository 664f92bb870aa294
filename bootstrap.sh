#!/bin/sh
# Install the requirements of `make lab` and `make test`: Debian packages, and a virtual environment in .venv with
# pinned packages, each checked against its hash. Safe to run at any time: if nothing is missing, it prints nothing and
# ends at once.
#
#   ./bootstrap.sh bare        install what needs no lab: models, judge, DNS tools, reports; no root, no compiler
#   ./bootstrap.sh run         install the requirements of the lab
#   ./bootstrap.sh dev         install these, and the requirements of tests and checks
#   ./bootstrap.sh --check     print what this machine lacks, change nothing
#   ./bootstrap.sh --packages  install the Debian packages only; run it as root
#
# PYTHON=... selects the interpreter. Exit codes: 0 everything is installed; 1 a step failed, its last lines are
# printed; 2 the machine lacks something, and the command that installs it is printed (what needs no lab is installed
# all the same); 130 interrupted.
#
# Outside the checkout only Debian packages and pip's cache are written. The post-install scripts of the packages
# create /etc/krb5.conf and enable a KDC and name servers at boot; this script undoes that (setup/machine.sh).

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
level=dev

say() { printf '%s\n' "$*"; }
print_error() { printf 'ssosim: %s\n' "$*" >&2; }

# Prints one line that depends on every input of the environment.
fingerprint() {
    sum=$(cat pyproject.toml requirements/*.txt bootstrap.sh setup/*.sh | cksum)
    printf '%s|%s|%s\n' "$sum" "$here" "$(readlink -f .venv/bin/python)"
}

is_ready() {
    [ -x .venv/bin/python ] || return 1
    now=$(fingerprint)
    # The requirements of tests include those of the lab, and these include what needs no lab.
    levels=dev
    [ "$1" = dev ] || levels='dev run'
    [ "$1" != bare ] || levels='dev run bare'
    for each in $levels; do
        stamp=.venv/.ready-$each
        [ -r "$stamp" ] && read -r made <"$stamp" && [ "$made" = "$now" ] && return 0
    done
    return 1
}

case ${1:-} in
    bare | run | dev) ! is_ready "$1" || exit 0 ;;
esac

# shellcheck source=setup/python.sh
. ./setup/python.sh
# shellcheck source=setup/packages.sh
. ./setup/packages.sh
# shellcheck source=setup/machine.sh
. ./setup/machine.sh
# shellcheck source=setup/steps.sh
. ./setup/steps.sh
# shellcheck source=setup/environment.sh
. ./setup/environment.sh

case ${1:-} in
    bare | run | dev) set_up "$1" ;;
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
