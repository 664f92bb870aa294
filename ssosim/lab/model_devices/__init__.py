"""The devices that client models run on: a stub resolver, an HTTP client and Kerberos over real sockets."""
