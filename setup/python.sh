# shellcheck shell=sh
# The interpreter: which one is used, and what is said if there is none. Sourced by bootstrap.sh.

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Whether it can make a virtual environment and, except for `bare`, compile an extension: Debian has separate packages
# for both.
can_build() {
    "$1" -c 'import ensurepip, os, sys, sysconfig, venv
headers = os.path.join(sysconfig.get_path("include"), "Python.h")
raise SystemExit(sys.argv[1] != "bare" and not os.path.exists(headers))' "$level" 2>/dev/null
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
        say "${real##*/}-venv $([ "$level" = bare ] || say "${real##*/}-dev")"
    fi
}

need_python() {
    python=$(find_python) && return 0
    if [ -n "${PYTHON:-}" ]; then
        print_error "PYTHON=$PYTHON cannot be used: it must be Python 3.11 or newer with venv, ensurepip and C headers."
        print_error "./bootstrap.sh bare needs no C headers."
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
