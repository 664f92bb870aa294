"""The network of a lab: addresses, TLS listeners, certificates, IPv6, and hosts outside of the estate."""
