"""WS-Trust and WS-Federation: MEX, requests and responses, SAML assertions, and the services that issue them."""
