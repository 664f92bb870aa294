#!/bin/sh
# Run a program with the unpacked libraries of Heimdal: kgetcred, or sign_in.py.
home=$(dirname "$0")
LD_LIBRARY_PATH=$(echo "$home"/debian/usr/lib/*-linux-gnu*)
PATH=$home/debian/usr/bin:$PATH
export LD_LIBRARY_PATH PATH
exec "$@"
