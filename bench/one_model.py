"""What one model in one scenario costs in a test's environment: 25 February 2025, 8 h 33 min, for every shipped model.

    python bench/one_model.py [--runs 15]

The name is gone for 1 h 53 min, a CNAME for 6 h 40 min, then back. A model that has signed in, failed or been declined
is done; those that swallow errors try to the end, and Office is one. The provider is the real one, in memory. The
reference is the model alone, on ports that only read back what this environment gave.
"""

from __future__ import annotations

import argparse
import gc
import time
from statistics import median

from bare_model import Recorded
from harness import print_result, spread
from ssosim_clients.catalogue import MODELS
from ssosim_clients.models import Model, SignInState

from ssosim.testing import FEDERATED_UPN, ClientEnvironment

GONE_S, OUTAGE_S, LONGER_S = 6780.0, 30780.0, 3600.0
TARGET = {"office_ms": 30.0, "slowest_model_ms": 30.0}


PATIENT = {"office", "outlook", "word", "onedrive", "intune-agent"}
"""The models that try until the name is back, and then sign in."""


def play(model: Model) -> tuple[float, int]:
    """Run one sign-in; returns milliseconds of CPU, and the number of events on the wire.

    Ends the benchmark if a patient model does not sign in at last: a model that gives up early takes little time.
    """
    environment = ClientEnvironment()
    environment.remove_record()
    environment.after(GONE_S, ClientEnvironment.put_cname)
    environment.after(OUTAGE_S, ClientEnvironment.restore)
    device = environment.device(upn=FEDERATED_UPN) if model.name == "federated-user" else environment.device()
    began = time.process_time()
    report = environment.play(model.sign_in(device), OUTAGE_S + LONGER_S)
    took = (time.process_time() - began) * 1e3
    if report is None or (model.name in PATIENT and report.state is not SignInState.SILENT):
        raise SystemExit(f"{model.name} ended with {report}")
    return took, len(environment.events)


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=15)
    runs = range(parser.parse_args().runs)
    recorded = Recorded(MODELS["office"])
    play(recorded)  # type: ignore[arg-type]  # a model as far as a play goes
    gc.freeze()
    took: dict[str, list[float]] = {}
    events: dict[str, int] = {}
    for name, model in MODELS.items():
        play(model)
        results = [play(model) for _ in runs]
        took[name], events[name] = [cpu for cpu, _ in results], results[0][1]
    slowest = max(took, key=lambda name: median(took[name]))
    reached = {"office_ms": median(took["office"]), "slowest_model_ms": median(took[slowest])}
    reference = [recorded.again_ms() for _ in runs]
    print_result(
        "one_model",
        figures={
            "office_ms": spread(took["office"]),
            "slowest_model_ms": {"model": slowest, **spread(took[slowest])},
            "all_models_ms": round(sum(median(times) for times in took.values()), 2),
            "each_ms": {name: round(median(times), 2) for name, times in took.items()},
            "events": events,
        },
        reference={"the model alone, ms": spread(reference)},
        ratio={"office to the model alone": round(reached["office_ms"] / median(reference), 1)},
        target=TARGET,
        met=all(reached[name] <= limit for name, limit in TARGET.items()),
    )


if __name__ == "__main__":
    main()
