"""``ssosim exec`` for a caller that is in the lab already: the scenario runner starts programs with it.

Called as ``python -m ssosim.lab.program_devices.execute_inside LAB WISHES PROGRAM ...``; WISHES are keywords of
``execute_here`` as JSON. When it is killed, the kernel kills the program and all it started.
"""

from __future__ import annotations

import json
import sys

from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.program_devices.execute import execute_here
from ssosim.output import print_error

__all__: list[str] = []

if __name__ == "__main__":
    _, lab, wishes, *command = sys.argv
    given = {name: value for name, value in json.loads(wishes).items() if value is not None}
    try:
        sys.exit(execute_here(LabFolder.of(lab), command, **given))
    except LabError as error:
        print_error(str(error))
        sys.exit(error.exit_code)
