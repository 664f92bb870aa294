#!/bin/sh
# Sign in with the persistent cache of azure-identity, then once more in a new process: keyring.sh HOME encrypted|any
home=$1
HOME=$(mktemp -d)
export HOME
[ -z "$SSOSIM_BARE" ] || PATH=$("$home/bare.sh" "$HOME/bin")
trap 'rm -rf "$HOME"' EXIT
"$home/venv/bin/python" "$home/persistent_cache.py" "$2" && "$home/venv/bin/python" "$home/persistent_cache.py" "$2"
