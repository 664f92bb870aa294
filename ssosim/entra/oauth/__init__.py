"""OAuth 2.0: the authorization, token and device authorization endpoints, and the tokens that they issue."""
