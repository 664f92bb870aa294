"""The values of ``api-version`` that Azure Resource Manager takes for its own resource types.

A version that was never published is refused with the list of those that were (ansible-collections/azure issue 1739,
azure-cli issue 28038: InvalidApiVersionParameter). ``PUBLISHED`` is the list of that issue, of September 2024, and the
later versions of azure-mgmt-resource 24 and 26, whatever the clock of the lab says: a scenario of the past may play a
program of today. Another version after ``_COMPLETE_UNTIL`` may exist, so it is taken if its date is not in the future.
The versions of other resource providers are not known here, and only their form is checked.
"""

from __future__ import annotations

import time

__all__ = ["PUBLISHED", "is_published"]

_COMPLETE_UNTIL = "2025-04-01"
"""All versions until then are in ``PUBLISHED``."""

PUBLISHED = (
    "2026-06-01",
    "2025-04-01", "2025-03-01", "2024-11-01", "2024-08-01", "2024-07-01", "2024-06-01-preview", "2024-03-01",
    "2023-07-01", "2023-07-01-preview", "2023-03-01-preview", "2022-12-01", "2022-11-01-preview", "2022-09-01",
    "2022-06-01", "2022-05-01", "2022-03-01-preview", "2022-01-01", "2021-04-01", "2021-01-01", "2020-10-01",
    "2020-09-01", "2020-08-01", "2020-07-01", "2020-06-01", "2020-05-01", "2020-01-01", "2019-11-01", "2019-10-01",
    "2019-09-01", "2019-08-01", "2019-07-01", "2019-06-01", "2019-05-10", "2019-05-01", "2019-03-01", "2018-11-01",
    "2018-09-01", "2018-08-01", "2018-07-01", "2018-06-01", "2018-05-01", "2018-02-01", "2018-01-01", "2017-12-01",
    "2017-08-01", "2017-06-01", "2017-05-10", "2017-05-01", "2017-03-01", "2016-09-01", "2016-07-01", "2016-06-01",
    "2016-02-01", "2015-11-01", "2015-01-01", "2014-04-01-preview", "2014-04-01", "2014-01-01", "2013-03-01",
    "2014-02-26",
)  # fmt: skip
"""The published versions, newest first, as the error lists them."""

_OWN_PROVIDER = "microsoft.resources"


def is_published(version: str, path: tuple[str, ...], now: float) -> bool:
    """Whether ``version`` is good for the resource at ``path`` at ``now``, in seconds since the Unix epoch."""
    words = [part.lower() for part in path]
    if "providers" in words and words[words.index("providers") + 1 :][:1] not in ([], [_OWN_PROVIDER]):
        return True
    if version in PUBLISHED:
        return True
    today = time.strftime("%Y-%m-%d", time.gmtime(now))
    return _COMPLETE_UNTIL < version[:10] <= today
