#!/bin/sh
# One session of the stand-in for Azure PowerShell by a user who has never connected: session.sh HOME STATEMENTS
home=$1
shift
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
"$home/bin/pwsh" -NoProfile -NonInteractive -Command "\$ErrorActionPreference = 'Stop'; $*"
