#!/bin/sh
# One session of the stand-in for Azure PowerShell by a user who has never connected: session.sh HOME STATEMENTS
#
# SSOSIM_BARE=1: a machine without programs that open a browser, as a container is. PATH has the few tools needed here.
# SSOSIM_GOES_ON=1: an error does not end the script, as is the default of PowerShell.
home=$1
shift
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
first="\$ErrorActionPreference = 'Stop';"
[ -z "$SSOSIM_GOES_ON" ] || first=
[ -z "$SSOSIM_BARE" ] || PATH=$("$home/bare.sh" "$HOME/bin")
"$home/bin/pwsh" -NoProfile -NonInteractive -Command "$first $*"
