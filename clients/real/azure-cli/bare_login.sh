#!/bin/sh
# A sign-in on a machine that has no program to open a browser with: bare_login.sh HOME [OPTIONS OF az login]
tools=$(mktemp -d)
for tool in sh mktemp rm env; do
    ln -s "$(command -v "$tool")" "$tools/$tool"
done
unset BROWSER
PATH=$tools "$1/login.sh" "$@"
code=$?
rm -rf "$tools"
exit "$code"
