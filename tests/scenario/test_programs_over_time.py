"""Faults that change within a phase pass in real seconds for programs: at steps, after a time, in caches."""

import json

import pytest

HOST = "autologon.microsoftazuread-sso.com"
CURL = f"curl -sf --negotiate -u : https://{HOST}/contoso.com/winauth/sso"
TRIES = f"for n in $(seq 60); do {CURL} && exit 0; sleep 0.5; done; exit 7"
FAULT = f'{{ fault = "servfail", names = ["{HOST}"] }}'


def _scenario(tmp_path, steps, commands, more="", clients=""):
    programs = "".join(
        f'[[clients]]\nname = "{name}"\nrun = ["sh", "-c", {json.dumps(command)}]\ndeadline = 40\n'
        for name, command in commands.items()
    )
    file = tmp_path / "mine.toml"
    file.write_text(
        f'name = "mine"\ntitle = "t"\nend = 2025-03-01T11:00:00Z\n{clients}{programs}{more}'
        f'[[phases]]\nname = "p"\nstart = 2025-03-01T10:00:00Z\n{steps}\n'
    )
    return str(file)


def _play(bench, file, *words):
    done = bench.run("run", file, "--json", *words)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)["phases"][0]


@pytest.mark.parametrize(
    "steps",
    [
        f"steps = [{{ at = 0, until = 5, faults = [{FAULT}] }}]",
        f'faults = [{{ fault = "servfail", names = ["{HOST}"], for_s = 5 }}]',
        f'steps_from = "first-message"\nsteps = [{{ at = 0, until = 5, faults = [{FAULT}] }}]',
    ],
    ids=["step", "time-limit", "from-first-message"],
)
def test_a_program_that_retries_outlives_a_fault_of_five_seconds(bench, tmp_path, steps):
    """The fault ends after five real seconds of each program, in turn; a program that asks once meets it."""
    model = '[[clients]]\nname = "office"\nmodel = "office"\ndevice = "desk-1"\n'
    file = _scenario(tmp_path, steps, {"patient": TRIES, "again": TRIES, "hasty": CURL}, clients=model)
    clients = _play(bench, file)["clients"]
    outcomes = {name: each["outcome"] for name, each in clients.items()}
    assert outcomes == {"office": "silent", "patient": "silent", "again": "silent", "hasty": "failed"}
    for name in ("patient", "again"):
        assert clients[name]["decided_s"] >= 4, "the fault was there, also for the second program"
        assert 0 <= clients[name]["measures"]["recovered_after_s"] < clients[name]["decided_s"] - 4
    assert clients["office"]["measures"]["step"] == "mex", "the fault was there for the model, in the lab's time"


def test_a_fault_that_begins_later_meets_the_second_sign_in(bench, tmp_path):
    """A step at 8 s: the sign-in at once succeeds, and the one of 10 s later fails."""
    steps = f"steps = [{{ at = 8, faults = [{FAULT}] }}]"
    file = _scenario(tmp_path, steps, {"twice": f"{CURL} || exit 1; sleep 10; {CURL} && exit 2; exit 0"})
    _play(bench, file)
    records = [each for each in bench.records("run-mine") if each["client"] == "twice"]
    rcodes = [each["rcode"] for each in records if each["event"] == "DnsAnswered" and each["type"] == "A"]
    assert rcodes[0] == "NOERROR"
    assert "SERVFAIL" in rcodes[1:], "and not before"
    end = next(each for each in records if each["event"] == "ClientFinished")
    assert end["exit_code"] == 0


def test_a_fault_that_was_over_before_the_first_message_is_said(bench, tmp_path):
    """A program that starts to talk after the fault has ended signs in, and a note says that nothing was tested."""
    steps = f"steps = [{{ at = 0, until = 6, faults = [{FAULT}] }}]"  # as a loaded machine may start a program in two
    phase = _play(bench, _scenario(tmp_path, steps, {"slow": f"sleep 8; {CURL}", "hasty": CURL}))
    assert phase["clients"]["slow"]["outcome"] == "silent"
    assert any("over before the first message of slow" in note for note in phase["notes"]), phase["notes"]
    assert not any("hasty" in note for note in phase["notes"])


def test_a_cached_failure_expires_for_a_program(bench, tmp_path):
    """Behind a caching resolver the lab's time goes on for a program: what failed is asked again (RFC 2308, 7)."""
    steps = f"steps = [{{ at = 0, until = 2, faults = [{FAULT}] }}]"
    resolver = '[[resolvers]]\nname = "res"\naddress = "192.0.2.253"\n'
    clients = _play(bench, _scenario(tmp_path, steps, {"patient": TRIES}, more=resolver))["clients"]
    assert clients["patient"]["outcome"] == "silent", clients["patient"]["reason"]
    assert clients["patient"]["decided_s"] >= 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ('{ fault = "password-expired", user = "alice@contoso.com" }', "KDC_ERR_KEY_EXPIRED"),
        ('{ fault = "kdc-connection-refused" }', "the KDC did not answer the sign-on of alice"),
    ],
    ids=["password-expired", "kdc-connection-refused"],
)
def test_the_ticket_of_a_program_expires_by_the_clock_of_the_scenario(bench, tmp_path, fault, words):
    """RFC 4120, 3.3.3: eleven hours later the ticket-granting ticket of ten hours has to be a new one.

    dotnet/Kerberos.NET#275: a client that uses an expired ticket is told so by the service.
    """
    phases = "".join(
        f'[[phases]]\nname = "{name}"\nstart = 2025-03-0{start}Z\nfaults = [{fault}]\n'
        for name, start in (("soon", "1T11:00:00"), ("late", "1T21:00:01"))
    )
    file = _scenario(tmp_path, phases, {"curl": CURL})
    text = (tmp_path / "mine.toml").read_text().replace("end = 2025-03-01T11", "end = 2025-03-02T11")
    (tmp_path / "mine.toml").write_text(text)
    done = bench.run("run", file, "--json")
    assert done.returncode in (0, 1), done.stderr
    _, soon, late = json.loads(done.stdout)["phases"]
    if "password" in fault:
        assert soon["clients"]["curl"]["outcome"] == "silent", soon["clients"]["curl"]["reason"]
    assert late["clients"]["curl"]["outcome"] != "silent"
    assert words in late["clients"]["curl"]["reason"]
