"""The table of ``ssosim run`` at a terminal."""

from ssosim.report.text_table import table
from ssosim.verdict.result import convert_result

CLIENTS = ("connect-sync-password", "connect-sync-certificate", "federated-user")
RESULT = convert_result(
    {
        "version": "1",
        "end": "2025-02-25T20:00:00Z",
        "as_expected": True,
        "scenario": "s",
        "title": "t",
        "phases": [
            {
                "phase": name,
                "title": "",
                "start": f"2025-02-25T{hour}:00:00+00:00",
                "clients": {
                    c: {"outcome": "silent", "reason": "r", "expected": None, "as_expected": True} for c in CLIENTS
                },
            }
            for name, hour in (("healthy", 16), ("cname", 18))
        ],
    }
)


def _grid(columns):
    lines = table(RESULT, columns).splitlines()[2:]
    return [line.split() for line in lines[: lines.index("")]]


def test_a_table_too_wide_is_turned():
    """Phases go down; where a terminal is too narrow for that, clients do, and the cells are the same."""
    wide, narrow = _grid(200), _grid(60)
    assert wide == _grid(None)
    assert wide[0] == ["phase", "from", *CLIENTS]
    assert [list(row) for row in zip(*wide, strict=True)] == narrow
    assert max(len(line) for line in table(RESULT, 60).splitlines()) <= 60


def test_where_nothing_is_expected_nothing_is_counted():
    """Without an expectation there is no "0 of 0": the table says that nothing could fail, and where."""
    text = table(RESULT)
    assert "not judged: nothing is expected of any outcome, so none could fail; seed 0" in text
    assert text.count("[nothing is expected]") == len(CLIENTS) * 2
    assert f"{', '.join(CLIENTS)}: could fail nowhere; could not fail in healthy, cname" in text.splitlines()[-1]
