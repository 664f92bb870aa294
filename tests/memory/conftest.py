"""Another package with services, for the tests that play them."""

from tests.services.conftest_services import package

__all__ = ["package"]
