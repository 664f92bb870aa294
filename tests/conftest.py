"""Rules for the whole suite."""

import os

import pytest


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that says why it was skipped; an expected failure (xfail) stays one."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true forbids: {reason}"


if os.environ.get("CI") == "true":
    # A machine that cannot run a test must not look as if it had.

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport():
        """Refuse a skip by mark, by fixture or in the test."""
        report = yield
        _refuse_skip(report)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report():
        """Refuse the skip of a whole module."""
        report = yield
        _refuse_skip(report)
        return report
