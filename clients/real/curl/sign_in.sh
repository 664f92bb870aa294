#!/bin/sh
# One sign-in: post rst.xml with the signed-on user's ticket. Exit code 0 if a token came back.
here=$(dirname "$0")
endpoint=https://autologon.microsoftazuread-sso.com/contoso.com/winauth/trust/2005/windowstransport
status=$(curl --negotiate --user : --silent --show-error --output /dev/null --write-out '%{http_code}' \
    --header 'Content-Type: application/soap+xml; charset=utf-8' \
    --header 'SOAPAction: http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue' \
    --data-binary "@$here/rst.xml" "$endpoint") || exit 1
if [ "$status" != 200 ]; then
    echo "curl: $endpoint answered $status" >&2
    exit 1
fi
echo "signed in as $SSOSIM_USER"
