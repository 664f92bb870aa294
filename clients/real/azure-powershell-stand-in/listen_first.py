"""Take port 8400, say so, then run a program while it is taken: listen_first.py PROGRAM [ARGUMENTS]."""
# ruff: noqa: INP001  a program, not a package

import socket
import subprocess
import sys

with socket.create_server(("127.0.0.1", 8400)):
    sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)  # noqa: S603
