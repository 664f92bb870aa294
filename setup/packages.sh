# shellcheck shell=sh
# The Debian packages: which are missing, who may install them, and what to ask an administrator for. Sourced by
# bootstrap.sh.

# Prints the missing packages on one line: those for `bare`, those for `run`, or all.
missing_packages() {
    if [ "${1:-dev}" = bare ]; then
        # shellcheck disable=SC2005,SC2046 # removes extra spaces
        echo $(python_packages)
        return
    fi
    want='krb5-kdc krb5-admin-server krb5-user libkrb5-dev iproute2 util-linux curl bind9-dnsutils ca-certificates'
    # Tests query the lab's name servers through unbound, compare their answers with those of named (bind9), and read
    # its NSS database with NSS's own tools, and render the manual page with man; benchmarks use dnsperf as the load and
    # nsd for comparison.
    [ "${1:-dev}" != dev ] || want="$want unbound bind9 dnsperf nsd libnss3-tools krb5-k5tls libfaketime man-db"
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
    print_error "    Fedora, RHEL and relatives: sudo dnf install krb5-server krb5-workstation krb5-devel gcc python3-devel \\"
    print_error "        iproute util-linux curl bind-utils"
    install_bare_instead
    exit 2
}

refuse_without_root() {
    print_error "these Debian packages are missing, and installing them needs root, which is not available here:"
    print_error "    $1"
    if [ "$level" = bare ]; then
        print_error "Ask an administrator to run this command, then repeat this one:"
        print_error "    sudo apt-get install --no-install-recommends $1"
        exit 2
    fi
    print_error "Ask an administrator to run one of these commands, then repeat this one:"
    print_error "    sudo sh '$here/bootstrap.sh' --packages $1"
    print_error "        installs them, enables no service and does not change the Kerberos configuration"
    print_error "    sudo apt-get install --no-install-recommends $1"
    print_error "        the plain command: it also creates /etc/krb5.conf and enables the services of these packages"
    install_bare_instead
    exit 2
}

# Installs what needs no lab, if the interpreter permits it, and says what works meanwhile.
install_bare_instead() {
    level=bare
    if ! is_ready bare; then
        python=$(find_python) && can_build "$python" || return
        say 'Meanwhile, what needs no lab:'
        install_environment
    fi
    say "Without these packages everything except a lab works: client models, pytest, zones, reports. For example:"
    say "    .venv/bin/ssosim dns check --help"
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
