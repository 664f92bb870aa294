# Functions for a Debian root made by debootstrap, sourced by .ci/container and .ci/debian. They need root, debootstrap
# and a package mirror (MIRROR).
# shellcheck shell=bash

# make_root SUITE ROOT: make the root if it is not there, and put the checkout into it.
make_root() {
    local suite=$1 root=$2
    [ -x "$root/bin/sh" ] || debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${MIRROR:+"$MIRROR"}
    rm -rf "$root/usr/src/ssosim"
    mkdir -p "$root/usr/src/ssosim" "$root/.outside"
    git ls-files -co --exclude-standard | tar cf - -T - | tar xf - -C "$root/usr/src/ssosim"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
}

# in_root ROOT COMMAND...: run a command in the root as container programs do: own mount and pid namespace, and
# pivot_root(2).
in_root() {
    local root=$1 pip
    shift
    mapfile -t pip < <(env | grep -E '^PIP_(INDEX_URL|CERT|TRUSTED_HOST|DEFAULT_TIMEOUT)=' || true)
    # shellcheck disable=SC2016 # for the shell in the namespace
    unshare --mount --pid --fork --kill-child sh -euc '
        mount --bind "$1" "$1"
        mount --make-rprivate /
        cd "$1"
        mount --rbind /dev dev
        pivot_root . .outside
        mount -t proc proc /proc
        mount -t sysfs sysfs /sys
        umount -l /.outside
        shift
        exec /usr/bin/env -i PATH=/opt/ssosim/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
    ' sh "$root" "${pip[@]}" "$@"
}
