"""``ssosim exec`` for a caller inside the lab's namespaces: the scenario player starts programs with it.

Usage: ``python -m ssosim.lab.program_devices.execute_inside LAB OPTIONS PROGRAM ...``. OPTIONS are the keywords of
``execute_here`` as JSON. If this process is killed, the kernel kills the program and its descendants.
"""

from __future__ import annotations

import json
import sys

from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.program_devices.execute import OWN_MISTAKE, execute_here
from ssosim.output import print_error

__all__: list[str] = []

if __name__ == "__main__":
    _, lab, options, *command = sys.argv
    given = {name: value for name, value in json.loads(options).items() if value is not None}
    try:
        sys.exit(execute_here(LabFolder.of(lab), command, **given))
    except LabError as error:
        print_error(str(error))
        sys.exit(OWN_MISTAKE)
