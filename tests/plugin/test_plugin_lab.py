"""The lab as a fixture: in a thread of its own, for tests with any loop or none."""


def test_a_lab_for_tests_without_a_loop(project):
    """Models sign in, faults come and go, the trace is read; each test has a lab of its own."""
    project.write("""
    import socket, ssl
    import pytest
    from ssosim.faults import NameRemoved
    from ssosim.lab.base.errors import LabInputError
    from ssosim.testing import Outcome

    GONE = NameRemoved(name="autologon.microsoftazuread-sso.com")

    def test_faults(sso_lab):
        assert sso_lab.sign_in("office").outcome is Outcome.SILENT
        with sso_lab.broken(GONE):
            assert sso_lab.sign_in("native-prompt", device="desk-2").outcome is Outcome.INTERACTIVE
            assert sso_lab.sign_in("office", patience_s=0.2).outcome is Outcome.STALLED
        assert sso_lab.sign_in("native-prompt").outcome is Outcome.SILENT
        assert {record.client for record in sso_lab.records("office")} == {"office"}

    def test_own_program(sso_lab):
        host = "login.microsoftonline.com"
        trust = ssl.create_default_context(cafile=sso_lab.ca_file)
        with socket.create_connection(sso_lab.endpoint(host)) as raw, trust.wrap_socket(
            raw, server_hostname=host
        ) as tls:
            tls.sendall(f"GET /common/userrealm/alice@contoso.com?api-version=1.0 HTTP/1.1\\r\\nHost: {host}\\r\\n"
                        "Connection: close\\r\\n\\r\\n".encode())
            assert tls.recv(4096).startswith(b"HTTP/1.1 200")
        assert not sso_lab.records("office")
        variables = sso_lab.environment("desk-2")
        assert all(str(sso_lab.folder) in value for value in variables.values())
        with pytest.raises(LabInputError, match="login.microsoftonline.com"):
            sso_lab.endpoint("nowhere.example")
        with pytest.raises(LabInputError, match="no device"):
            sso_lab.environment("desk-99")

    async def test_in_a_loop(sso_lab):
        async def addresses(lab):
            return lab.estate.addresses("dns")
        assert sso_lab.call(addresses)
        assert sso_lab.dns[1] != 53
    """)
    session = project.run()
    assert session.counts == {"passed": 3}, session.output


def test_a_fault_that_touches_nothing_warns(project):
    """A test whose fault names a host that nobody asks for passes with a warning at its own line, not in silence."""
    project.write("""
    import pytest
    from ssosim.faults import NxDomain
    from ssosim.testing import IdleFaultWarning, Outcome

    HOST = "autologon.microsoftazuread-sso.com"

    def test_misspelt(sso_lab):
        with pytest.warns(IdleFaultWarning, match=f"nxdomain touched nothing: no client asked for {HOST}x") as found:
            with sso_lab.broken(NxDomain(names=(HOST,)), NxDomain(names=(HOST + "x",))):
                assert sso_lab.sign_in("native-prompt").outcome is Outcome.INTERACTIVE
        assert [each.filename for each in found] == [__file__]

    def test_not_misspelt(sso_lab):
        with sso_lab.broken(NxDomain(names=(HOST,))):
            assert sso_lab.sign_in("native-prompt").outcome is Outcome.INTERACTIVE

    def test_an_error_is_not_hidden(sso_lab):
        with pytest.raises(ZeroDivisionError), sso_lab.broken(NxDomain(names=(HOST + "x",))):
            1 / 0
    """)
    session = project.run("-W", "error")
    assert session.counts == {"passed": 3}, session.output


def test_the_estate_is_a_parameter(project):
    """A lab's estate comes from an override of ``sso_estate``, its parameter or the marker; mistakes are told."""
    project.write("""
    import pytest
    from ssosim.estate import default_estate

    @pytest.fixture
    def sso_estate():
        return default_estate()

    class TestParameter:
        @pytest.mark.parametrize("sso_estate", [default_estate()], indirect=False)
        def test_object(self, sso_lab, sso_estate):
            assert sso_lab.estate is sso_estate
    """)
    assert project.run().counts == {"passed": 1}
    project.write("""
    import pytest

    @pytest.mark.sso(estate="nowhere.toml")
    def test_marker(sso_lab):
        pass

    @pytest.mark.parametrize("sso_estate", ["elsewhere.toml"], indirect=True)
    def test_parameter(sso_lab):
        pass
    """)
    session = project.run()
    assert session.counts == {"error": 2}
    assert "nowhere.toml" in session.output
    assert "elsewhere.toml" in session.output
    assert "hosted.py" not in session.output


def test_two_labs_at_once_do_not_meet(project):
    """Plays that run together in one loop, beside a lab in its thread, have traces of their own."""
    project.write("""
    import asyncio

    async def test_together(sso_play, sso_lab):
        one, two = await asyncio.gather(sso_play("feb-2025", "native-prompt"), sso_play("feb-2025", "office"))
        assert {record.client for record in one.records} == {"", "native-prompt"}
        assert {record.client for record in two.records} == {"", "office"}
        assert not sso_lab.records("office")
    """)
    assert project.run().counts == {"passed": 1}
