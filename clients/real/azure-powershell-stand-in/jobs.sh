#!/bin/sh
# Connect, then two processes at once that use the shared cache, as Start-Job does: jobs.sh HOME
home=$1
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
job="\$ErrorActionPreference = 'Stop'; Get-AzResourceGroup; Start-Sleep -Seconds 3; Get-AzResourceGroup"
"$home/bin/pwsh" -NoProfile -Command "\$ErrorActionPreference = 'Stop'; Connect-AzAccount" || exit
"$home/bin/pwsh" -NoProfile -Command "$job" &
first=$!
"$home/bin/pwsh" -NoProfile -Command "$job"
second=$?
wait "$first" && exit "$second"
