"""The control API: HTTP and JSON on a Unix socket, and on loopback if requested."""
