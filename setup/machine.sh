# shellcheck shell=sh
# Installing Debian packages as root, without a change to the Kerberos configuration and the services of the machine.
# Sourced by bootstrap.sh.

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
