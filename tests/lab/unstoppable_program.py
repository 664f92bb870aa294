"""A program that does all that a process can do to resist being stopped, except for a fork bomb."""

import contextlib
import os
import signal
import sys
import threading
import time


def ignore_signals():
    """Ignore every signal that can be ignored."""
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)


def child(*, sessions=0, stopped=False):
    """A child; with ``sessions`` a daemon that is nobody's child; it holds standard output open."""
    if os.fork():
        return
    for _ in range(sessions):
        os.setsid()
        if os.fork():
            os._exit(0)
    ignore_signals()
    if stopped:
        os.kill(os.getpid(), signal.SIGSTOP)
    os.write(1, b"alive\n")  # at once, whole, and unmixed
    time.sleep(600)
    os._exit(0)


ignore_signals()
child()
child(sessions=1)
child(sessions=2)
child(stopped=True)
for _ in range(4):
    threading.Thread(target=time.sleep, args=(600,)).start()
if "--end" in sys.argv:  # and leave all of them behind
    time.sleep(0.5)
    os._exit(0)
time.sleep(600)
