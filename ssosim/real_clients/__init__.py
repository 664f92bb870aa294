"""Real clients: programs as their authors publish them, each in a folder with a manifest (``client.toml``)."""
