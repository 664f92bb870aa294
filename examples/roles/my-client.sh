#!/bin/sh
# The program under test: single sign-on as a browser asks for it.
exec curl -sSf -o /dev/null --negotiate -u : https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso
