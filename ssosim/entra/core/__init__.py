"""What every endpoint of the identity provider needs: settings, keys, tokens at rest, XML, JSON, the directory."""
