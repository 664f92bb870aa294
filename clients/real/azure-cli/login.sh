#!/bin/sh
# One sign-in of an Azure CLI that has never signed in: login.sh HOME [OPTIONS OF az login]
home=$1
shift
AZURE_CONFIG_DIR=$(mktemp -d)
export AZURE_CONFIG_DIR AZURE_CORE_COLLECT_TELEMETRY=no AZURE_CORE_LOGIN_EXPERIENCE_V2=off
trap 'rm -rf "$AZURE_CONFIG_DIR"' EXIT
"$home/venv/bin/az" login "$@" --output none
