"""The sign-in pages of the login host and of a federation service."""
