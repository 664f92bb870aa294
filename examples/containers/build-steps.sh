#!/bin/sh
# The steps of the Containerfile, on a bare Debian: install ssosim[lab] of the checkout $1 in /opt/ssosim.
# Every Python package is compared with its hash; compiler and headers are removed again.
# shellcheck disable=SC2086 # lists of packages and options
set -eu
source=$1
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
runtime='krb5-kdc krb5-admin-server krb5-user iproute2 util-linux curl bind9-dnsutils ca-certificates python3'
build='gcc libc6-dev libkrb5-dev python3-dev python3-venv'

apt-get update -q
apt-get install -q -y --no-install-recommends $runtime $build

python3 -m venv /opt/ssosim
pip='/opt/ssosim/bin/pip --disable-pip-version-check --quiet --no-input'
cd "$source"
hashed='--no-deps --require-hashes'
$pip install $hashed --only-binary :all: --target /tmp/build -r requirements/build.txt
sed '/^gssapi==/,/[^\\]$/d' requirements/lab.txt >/tmp/lab.txt
sed -n '/^gssapi==/,/[^\\]$/p' requirements/lab.txt >/tmp/gssapi.txt
$pip install $hashed --only-binary :all: -r /tmp/lab.txt
CFLAGS='-O0 -g0' PYTHONPATH=/tmp/build $pip install $hashed --no-build-isolation --no-binary gssapi -r /tmp/gssapi.txt
PYTHONPATH=/tmp/build $pip install --no-deps --no-build-isolation .
$pip check

# libgssapi of the runtime stays: krb5-user needs it.
apt-get purge -q -y --auto-remove $build
apt-get clean
rm -rf /tmp/build /tmp/lab.txt /tmp/gssapi.txt /var/lib/apt/lists/* /root/.cache /etc/krb5kdc/kdc.conf
/opt/ssosim/bin/ssosim --version
