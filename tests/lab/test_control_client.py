"""The client of the control API: whatever a lab answers, or does not, it is a value or one line of error."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ssosim.lab.base.errors import LabError, LabInputError, LabRefusedError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.program_devices.control_client import request_json, send_request

Serve = Callable[[bytes], list[bytes]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabFolder:
    """The folder of a lab "here", short enough for a socket."""
    monkeypatch.chdir(tmp_path)
    made = LabFolder("here", Path("lab"))
    made.path.mkdir()
    return made


@pytest.fixture
def serve(folder: LabFolder) -> Iterator[Serve]:
    """Have a lab answer one request with the given octets and close; the list gets what it was sent."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder.socket))
        listener.listen()
        threads: list[threading.Thread] = []

        def start(answer: bytes) -> list[bytes]:
            got: list[bytes] = []

            def answer_one() -> None:
                connection, _ = listener.accept()
                with connection:
                    text = connection.recv(65536)
                    while b"\r\n\r\n" not in text:
                        text += connection.recv(65536)
                    got.append(text)
                    connection.sendall(answer)

            threads.append(threading.Thread(target=answer_one))
            threads[-1].start()
            return got

        yield start
        for thread in threads:
            thread.join()


def http(status: int, body: bytes) -> bytes:
    """An answer of HTTP/1.1."""
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n\r\n%s" % (status, body)


def test_a_request_is_http_with_the_length_of_its_body(folder: LabFolder, serve: Serve) -> None:
    """The body is JSON with its length; the answer's body is given unchanged."""
    got = serve(http(200, b'{"a": 1}'))
    assert send_request(folder, "POST", "/v1/faults", {"fault": "drop", "name": "é"}) == b'{"a": 1}'
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/faults HTTP/1.0\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"fault": "drop", "name": "é"}


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(400, LabInputError, 2), (403, LabRefusedError, 1), (404, LabError, 1), (409, LabError, 1), (500, LabError, 1)],
)
def test_the_status_says_whose_mistake_it_is(
    status: int, kind: type[LabError], code: int, folder: LabFolder, serve: Serve
) -> None:
    """400 is the user's mistake, 403 a rule's refusal with its data, all else an error; the text is the lab's."""
    serve(http(status, b'{"error": "the words of the lab", "more": 7}'))
    with pytest.raises(LabError, match="the words of the lab") as raised:
        request_json(folder, "GET", "/v1/status")
    assert type(raised.value) is kind
    assert raised.value.exit_code == code
    if isinstance(raised.value, LabRefusedError):
        assert raised.value.data["more"] == 7


@pytest.mark.parametrize("status", [204, 301, 403, 507])
def test_an_error_without_words_has_its_status(status: int, folder: LabFolder, serve: Serve) -> None:
    """An answer other than 200 is never taken for a success, also where it says nothing."""
    serve(http(status, b"{}"))
    with pytest.raises(LabError, match=f"status {status}|refused"):
        send_request(folder, "GET", "/v1/status")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 \r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n{}",
        b"HTTP/1.1 2x0 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\n\r\n\xff",
        b"HTTP/1.1 200 OK\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n{}",
        http(200, b"[" * 50_000),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_what_is_no_answer_of_a_lab_is_an_error(answer: bytes, folder: LabFolder, serve: Serve) -> None:
    """A truncated answer, another protocol or broken JSON: one line that names the lab, never a success."""
    serve(answer)
    with pytest.raises(LabError, match=r"here|status 0") as raised:
        send_request(folder, "GET", "/v1/status")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("leftover", [False, True], ids=["no socket", "stale socket"])
def test_a_lab_that_is_gone_is_named_with_the_command_that_starts_it(leftover: bool, folder: LabFolder) -> None:
    """Neither a missing socket nor one that a killed lab has left behind is a running lab: exit code 2."""
    if leftover:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder.socket))
    with pytest.raises(LabInputError, match='no lab "here" is up; start it with: ssosim up --name here'):
        send_request(folder, "GET", "/v1/status")


def test_a_file_in_the_place_of_the_socket_is_no_lab(folder: LabFolder) -> None:
    """A plain file cannot be connected to: that is said, with the name of the lab."""
    folder.socket.write_text("x", encoding="utf-8")
    with pytest.raises(LabError, match="here"):
        send_request(folder, "GET", "/v1/status")


def test_a_lab_that_hangs_is_said_not_to_answer(folder: LabFolder) -> None:
    """A lab that accepts and never answers ends the wait after the given time, with the log's path."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder.socket))
        listener.listen()
        with pytest.raises(LabError, match=r"does not answer; see .*lab\.log") as raised:
            send_request(folder, "GET", "/v1/status", timeout=0.05)
    assert type(raised.value) is LabError
