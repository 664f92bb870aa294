"""A module for testcontainers-python: a lab in a container, with its control API. Not run here: it needs Docker.

    with SsosimContainer() as lab:
        lab.request("POST", "/v1/faults", {"fault": "record-emptied", "name": "autologon.microsoftazuread-sso.com"})
        print(lab.exec(["ssosim", "exec", "--expect", "silent", "--", "./my-client", "--login"]))

The image is that of the ``Containerfile``. The API listens on the loopback of the container, so requests go through
``docker exec``; programs under test run in the container too, where the names of the lab are.
"""

from __future__ import annotations

import json
from typing import Any

from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import wait_for_logs

__all__ = ["SsosimContainer"]


class SsosimContainer(DockerContainer):
    """A lab; ``estate`` is the path of an estate file in the container."""

    def __init__(self, image: str = "ssosim", estate: str | None = None, **options: Any) -> None:
        rights = {
            "cap_add": ["SYS_ADMIN", "NET_ADMIN"],
            "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        }
        super().__init__(image, **rights | options)
        self.with_command(["up", "--api", "8765", *(["--estate", estate] if estate else [])])

    def start(self) -> SsosimContainer:
        """Start the container, and wait until the lab is ready."""
        super().start()
        wait_for_logs(self, "up, ready in", timeout=120)
        return self

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request to the control API; returns the answer. Raises RuntimeError for a refusal."""
        socket = "/var/lib/ssosim/labs/default/control.sock"
        command = ["curl", "-sS", "--fail-with-body", "--unix-socket", socket, "-X", method, f"http://lab{path}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        code, output = self.exec(command)
        if code != 0:
            raise RuntimeError(output.decode())
        return json.loads(output)
