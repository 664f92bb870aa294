#!/bin/sh
# Judge a change of zone files: the files at the commit BASE against those in the working copy.
#
#   BASE=origin/main ZONES=zones sh check.sh
#
# It writes dns-check.md and dns-check.xml. Exit code 0: passed; 1: a criterion is not met; 2: a file cannot be read.
# CHECK has further options, such as "--fail-on worse --approve dns-approvals.toml".
set -eu

base="${BASE:?the commit or branch to compare with}"
zones="${ZONES:-zones}"
before="$(mktemp -d)"
trap 'rm -rf "$before"' EXIT

if git cat-file -e "$base:$zones" 2>/dev/null; then
    git archive "$base" -- "$zones" | tar -x -C "$before"
else
    echo "check.sh: there is no folder $zones in $base" >&2
    exit 2
fi

status=0
# shellcheck disable=SC2086 - CHECK is a list of options
ssosim dns check --from "$before/$zones" --to "$zones" \
    --markdown dns-check.md --junit dns-check.xml ${CHECK:-} || status=$?
exit "$status"
