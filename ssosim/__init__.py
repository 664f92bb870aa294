"""ssosim: a Kerberos / WS-Trust seamless-SSO simulator and client resilience testbed."""

__version__ = "0.2.0"
