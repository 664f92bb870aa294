#!/bin/sh
# Run sign_in.py with the machine's Python and the unpacked libraries.
home=$(dirname "$0")
lib=$(echo "$home"/debian/usr/lib/*-linux-gnu*)
LD_LIBRARY_PATH=$lib
GI_TYPELIB_PATH=$lib/girepository-1.0
GIO_EXTRA_MODULES=$lib/gio/modules # TLS of GLib
PYTHONPATH=$home/debian/usr/lib/python3/dist-packages
export LD_LIBRARY_PATH GI_TYPELIB_PATH GIO_EXTRA_MODULES PYTHONPATH
exec /usr/bin/python3 "$home/sign_in.py"
