"""The models that come with the package, by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ssosim_clients.models.base import Model
from ssosim_clients.models.native_prompt import NATIVE_PROMPT
from ssosim_clients.models.office import OFFICE

__all__ = ["MODELS", "UnknownModelError", "find"]

_SHIPPED: Final[tuple[Model, ...]] = (OFFICE, NATIVE_PROMPT)

MODELS: Final[Mapping[str, Model]] = MappingProxyType({model.name: model for model in _SHIPPED})
"""Every model has ``name``, ``description`` (one line) and ``sources``, which is what a listing shows."""


class UnknownModelError(LookupError):
    """There is no model of that name; the message lists the near ones."""


def find(name: str) -> Model:
    """The model called ``name``. Raises ``UnknownModelError``."""
    if name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.4) or sorted(MODELS)
    raise UnknownModelError(f"no client is called {name!r}; did you mean {', '.join(near)}?")
