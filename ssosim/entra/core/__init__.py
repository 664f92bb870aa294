"""Parts that all endpoints of the identity provider use: settings, keys, sealed tokens, XML, JSON, the directory."""
