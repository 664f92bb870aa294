"""``ssosim exec`` for a caller that is in the lab already: the scenario runner starts programs with it.

Called as ``python -m ssosim.lab.inside LAB DEVICE LABEL PROGRAM ...``. When it is killed, the kernel
kills the program and all it started.
"""

from __future__ import annotations

import sys

from ssosim.lab.errors import LabError
from ssosim.lab.execute import execute_here
from ssosim.lab.folder import LabFolder

__all__: list[str] = []

if __name__ == "__main__":
    _, lab, device, label, *command = sys.argv
    try:
        sys.exit(execute_here(LabFolder.of(lab), command, device=device, label=label))
    except LabError as error:
        print(f"ssosim: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
