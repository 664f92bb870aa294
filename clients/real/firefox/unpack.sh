#!/bin/sh
# Unpack Debian's Firefox ESR, and the libraries of it that this machine lacks, into ./root. Nothing is installed on the
# machine, so nobody needs to be root. If the machine has Firefox ESR, that one is used.
set -eu
command -v firefox-esr >/dev/null && exit
mkdir packages root
cd packages
lacking=$(apt-get --simulate --no-install-recommends install firefox-esr | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
# shellcheck disable=SC2086 # one word for each package
apt-get -q download $lacking
for package in *.deb; do
    dpkg-deb --extract "$package" ../root
done
cd ..
rm -r packages
