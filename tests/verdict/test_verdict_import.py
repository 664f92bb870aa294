"""The judge is light: what it imports is counted and timed in fresh interpreters."""

import json
import subprocess
import sys

RUNS = 5
MOST_MODULES = 25
MOST_TIME = 3.0
FOREIGN = ("dns", "lxml", "cryptography", "gssapi", "aiohttp", "asyncio", "signxml", "jwt")

LOOK = """
import json, sys, time
began = time.process_time()
import msgspec
reference = time.process_time() - began
import ssosim.verdict
print(json.dumps([reference, time.process_time() - began, sorted(sys.modules)]))
"""


def _imports() -> tuple[float, float, list[str]]:
    """Processor seconds of ``import msgspec``, and of that with ``import ssosim.verdict``; the modules loaded then."""
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=60, check=True)
    reference, whole, modules = json.loads(done.stdout)
    return reference, whole, modules


def test_the_judge_loads_the_trace_and_no_protocol():
    """`import ssosim.verdict` loads at most 25 modules of ssosim, none of a protocol, and no library of one.

    ``ssosim.spn`` is one function on the text of a name, and imports nothing.
    """
    _, _, modules = _imports()
    own = [name for name in modules if name.split(".")[0] in ("ssosim", "ssosim_clients")]
    assert len(own) <= MOST_MODULES, own
    rooms = {name.split(".")[1] for name in own if name.startswith("ssosim.")}
    assert rooms <= {"verdict", "trace", "clock", "spn"}
    assert not [name for name in modules if name.split(".")[0] in FOREIGN]


def test_the_judge_is_imported_in_three_times_the_time_of_msgspec():
    """`import ssosim.verdict` with all that it needs takes at most three times as long as `import msgspec` alone."""
    runs = [_imports() for _ in range(RUNS)]
    reference, whole = min(run[0] for run in runs), min(run[1] for run in runs)
    assert whole <= MOST_TIME * reference, f"{whole / reference:.1f} times"
