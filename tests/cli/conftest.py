"""Values of any model with a text of the test's choice; commands in this process, with a lab that only answers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as make_field
from pathlib import Path
from typing import Any, NoReturn

import pytest
from msgspec import inspect

from ssosim.cli.main import main
from ssosim.lab.base.folder import LabFolder

Given = Mapping[tuple[type, str], Any]
"""What stands in a field of a model, by the model and the field: another type to fill, or a value as it is."""


class ModelFiller:
    """Fills models with ``text``; ``given`` are the fields whose type does not say what is in them.

    ``round_number`` 0 has the text wherever a text can be. In the rounds after it each choice (the members of a union
    or of a literal, true or false, a field left out, an empty text) falls in another way, the same in every session.
    """

    def __init__(self, text: str, given: Given, round_number: int = 0) -> None:
        self._text = text
        self._given = given
        self._round = round_number

    def fill(self, kind: Any) -> Any:
        """Plain data, as JSON has them, that msgspec reads as ``kind``."""
        return self._of(inspect.type_info(kind), getattr(kind, "__name__", str(kind)))

    def _of(self, kind: inspect.Type, path: str) -> Any:
        match kind:
            case inspect.UnionType():
                telling = sorted(kind.types, key=lambda each: isinstance(each, inspect.NoneType))
                return self._of(self._choose(telling, path), path)
            case inspect.VarTupleType() | inspect.ListType():
                return [self._of(kind.item_type, f"{path}[{number}]") for number in range(2)]
            case inspect.DictType():
                return {self._text: self._of(kind.value_type, f"{path}{{}}")}
            case inspect.StructType() | inspect.DataclassType():
                return self._model(kind, path)
        return self._choose(self._simple_values(kind, path), path)

    def _simple_values(self, kind: inspect.Type, path: str) -> Sequence[Any]:
        """The values that a type of no parts may have; the first of them tells most."""
        values: Sequence[Any]
        match kind:
            case inspect.StrType(pattern=None):
                values = (self._text, self._text, "")
            case inspect.AnyType() | inspect.CustomType():  # ``object`` is one of the latter
                values = ({self._text: [self._text]},)
            case inspect.BoolType():
                values = (False, True)
            case inspect.IntType() | inspect.FloatType():
                values = (1,)
            case inspect.NoneType():
                values = (None,)
            case inspect.DateTimeType():
                values = ("2025-02-25T17:00:00Z",)
            case inspect.LiteralType():
                values = kind.values
            case inspect.EnumType():
                values = [member.value for member in kind.cls]
            case _:
                raise AssertionError(f"{path}: give a value for {kind}, or teach {type(self).__name__} the type")
        return values

    def _model(self, kind: inspect.StructType | inspect.DataclassType, path: str) -> dict[str, Any]:
        # What is not the model's own is passed over, and so it may be anything.
        strict = isinstance(kind, inspect.DataclassType) or kind.forbid_unknown_fields
        filled: dict[str, Any] = {} if strict else {self._text: [self._text]}
        for field in kind.fields:
            where = f"{path}.{field.name}"
            given = self._given.get((kind.cls, field.name))
            if not field.required and not self._choose([True, True, False], f"{where}?"):
                continue
            if given is None:
                filled[field.encode_name] = self._of(field.type, where)
            else:
                filled[field.encode_name] = self.fill(given) if _is_type(given) else given
        return filled

    def _choose(self, among: Any, path: str) -> Any:
        if self._round == 0:
            return among[0]
        return among[zlib.crc32(f"{self._round} {path}".encode()) % len(among)]


def _is_type(given: Any) -> bool:
    return isinstance(given, type) or hasattr(given, "__origin__")


def models_in(kind: Any, given: Given) -> set[type]:
    """The msgspec models that ``kind`` is made of, itself among them."""
    found: set[type] = set()

    def look(each: Any) -> None:
        if isinstance(each, inspect.StructType) and each.cls not in found:
            found.add(each.cls)
            for (model, _), value in given.items():
                if model is each.cls and _is_type(value):
                    look(inspect.type_info(value))
        if isinstance(each, inspect.Type | inspect.Field):
            for name in each.__struct_fields__:
                look(getattr(each, name))
        if isinstance(each, tuple):
            for item in each:
                look(item)

    look(inspect.type_info(kind))
    return found


@pytest.fixture
def filler() -> type[ModelFiller]:
    """What fills models."""
    return ModelFiller


@pytest.fixture
def find_models() -> Callable[[Any, Given], set[type]]:
    """What finds the models within a type."""
    return models_in


@dataclass
class AnsweringLab:
    """A lab by its answers: ``answers`` by method and path; ``requests`` are what commands sent to it."""

    answers: dict[str, Any]
    requests: list[tuple[str, str, Any]] = make_field(default_factory=list)

    def send_request(self, _: Any, method: str, path: str, body: Any = None, **__: Any) -> bytes:
        """Stand in for the client of the control API; an answer that is an exception is raised."""
        self.requests.append((method, path, body))
        answer = self.answers[f"{method} {path}"]
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer).encode()


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a state folder in it."""
    monkeypatch.setenv("SSOSIM_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def answering_lab(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> AnsweringLab:
    """A lab "default" that runs, as far as commands can see, and answers what a test says."""
    assert not own_home.joinpath("state").exists()
    lab = AnsweringLab({})
    monkeypatch.setattr("ssosim.lab.control.answers.send_request", lab.send_request)
    monkeypatch.setattr("ssosim.lab.program_devices.control_client.send_request", lab.send_request)
    monkeypatch.setattr(LabFolder, "is_running", lambda _: True)
    return lab


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it wrote to both streams."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as the one JSON document that it is (RFC 8259: no NaN, no key twice)."""
        found = json.loads(self.out, parse_constant=_refuse, object_pairs_hook=_object_of_pairs)
        assert isinstance(found, dict)
        return found


def _refuse(name: str) -> NoReturn:
    raise AssertionError(f"{name} is not JSON")


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    assert len(found) == len(pairs), pairs
    return found


@pytest.fixture
def play_command(capsys: pytest.CaptureFixture[str], own_home: Path) -> Callable[..., Ended]:
    """Run a command in this process; an exception that leaves it is an error of the test."""

    def play(*words: str) -> Ended:
        capsys.readouterr()
        try:
            code = main(list(words))
        except SystemExit as end:  # of argparse
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert Path.cwd().is_relative_to(own_home)
        return Ended(code, said.out, said.err)

    return play
