"""A running lab with resource servers, and the real clients in it: the Azure SDK and the Azure CLI, unmodified."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ssosim.estate import shipped_estate_text
from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_real_clients
from tests.real_client_setup import prepare

ROOT = Path(__file__).parents[2]
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
REPORT = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b11"
BACK_END = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01"
ORDERS = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b21"
IDLE = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b22"
CONTOSO = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
LITWARE = "8d7a41f3-52b9-4c0e-8a57-6f1f4f0b7c22"
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
EVERY_WAY = os.environ.get("SSOSIM_CREDENTIALS") == "all"
"""Whether all rows are played (``.ci/nightly``), or the sample of the suite."""


def home_of(name: str) -> Path:
    """Return where a real client is installed; the test is skipped if it is not."""
    (client,) = find_real_clients([name])
    prepare(client)
    return find_client_home(client)


def write_certificate(folder: Path) -> Path:
    """Write a new certificate with its key as one PEM file."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "report")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))  # scenarios play in the past
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file = folder / "report.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


@dataclass
class Ran:
    """One run of a program in the lab, and its records in the trace."""

    code: int
    output: str
    errors: str
    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def results(self) -> list[dict[str, Any]]:
        """The lines of JSON that ``use.py`` printed."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of one kind of event."""
        return [record for record in self.records if record["event"] == kind]

    def answers(self, host: str) -> list[int]:
        """Return the status of each request to a host, in order."""
        return [event["status"] for event in self.events("HttpExchange") if event["host"] == host]


@dataclass
class AzureLab:
    """The lab of a module. ``certificate`` is the PEM file of the application ``Contoso report``."""

    bench: Any
    certificate: Path
    runs: int = 0

    def exec(
        self, device: str, *command: str, variables: dict[str, str] | None = None, person: str | None = None
    ) -> Ran:
        """Run a program on a device; ``person`` is the behaviour of the scripted user, by default the device's."""
        self.runs += 1
        label = f"run-{self.runs}"
        chosen = () if person is None else ("--person", person)
        words = ("exec", "--device", device, "--as", label, *chosen, "--deadline", "55", "--", *command)
        done = self.bench.run(*words, env=variables or {})
        records = [record for record in self.bench.records() if record["client"] == label]
        return Ran(done.returncode, done.stdout, done.stderr, records)

    def sdk(self, device: str, *words: str, **variables: str) -> Ran:
        """Run ``use.py`` of the Azure SDK."""
        home = home_of("azure-sdk")
        return self.exec(device, f"{home}/venv/bin/python", f"{home}/use.py", *words, variables=variables)

    def az(self, device: str, folder: Path, *words: str) -> Ran:
        """Run the Azure CLI with its own configuration folder."""
        settings = {
            "AZURE_CONFIG_DIR": str(folder),
            "AZURE_CORE_COLLECT_TELEMETRY": "no",
            "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
        }
        return self.exec(device, f"{home_of('azure-cli')}/venv/bin/az", *words, variables=settings)


def start_lab(bench: Any, duration: float, **changed: str) -> AzureLab:
    """Start a lab of the shipped estate ``contoso-azure`` whose deployments take ``duration`` seconds.

    ``changed`` are lines of its section ``[cloud]``.
    """
    certificate = write_certificate(bench.home)
    text = shipped_estate_text("contoso-azure").replace('[{ display_name = "report" }]', '[{ file = "report.pem" }]')
    text = text.replace("deployment_duration = 6", f"deployment_duration = {duration}")
    assert 'file = "report.pem"' in text
    lines = "".join(f"{key} = {value}\n" for key, value in changed.items())
    estate = bench.home / "estate.toml"
    estate.write_text(text.replace("[cloud]\n", f"[cloud]\n{lines}", 1), encoding="utf-8")
    done = bench.run("up", "--detach", "--estate", str(estate))
    assert done.returncode == 0, done.stderr
    return AzureLab(bench, certificate)
