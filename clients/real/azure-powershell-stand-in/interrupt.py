"""Start a program, wait until it listens on port 8400, send it SIGINT as CTRL+C does, and say how it ended.

The program is told at its listener that the user refused, after the signal: one that ignores the signal ends by that.
Usage: interrupt.py PROGRAM [ARGUMENTS]; the last line of the output is JSON with code, errors and whether 8400 is free.
"""
# ruff: noqa: INP001  a program, not a package

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request


def is_listening():
    """Return whether somebody listens on port 8400."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", 8400)) == 0


def main():
    """Run it."""
    started = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True)  # noqa: S603
    while not is_listening() and started.poll() is None:
        time.sleep(0.05)
    os.kill(started.pid, signal.SIGINT)
    while started.poll() is None and is_listening():
        with contextlib.suppress(OSError):
            urllib.request.urlopen("http://localhost:8400/?error=access_denied&state=x", timeout=5).close()
        time.sleep(0.05)
    _, errors = started.communicate()
    print(json.dumps({"code": started.returncode, "errors": errors, "free": not is_listening()}))


if __name__ == "__main__":
    main()
