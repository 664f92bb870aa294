"""The HTTP side of the identity provider: routes, one exchange as a pure function, and the aiohttp server."""
