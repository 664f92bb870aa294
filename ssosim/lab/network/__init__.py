"""Where hosts listen and what clients meet there: addresses, TLS, IPv6, unknown destinations."""
