"""Times of XML: what is written is read again, and what is no dateTime of XML Schema is refused (part 2, 3.2.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.entra.core.timestamps import format_oauth_time, format_xml_time, read_xml_time

NO_TIMES = [
    "20260921T141320Z", "2026-W39-1T14:13:20Z", "2026-264T14:13:20Z", "2026-09-21", "2026-09-21 14:13:20Z", "14:13:20Z",
    "2026-09-21T14:13Z", "2026-09-21T14Z", "2026-09-21T14:13:20,5Z", "2026-09-21T14:13:20.Z", "2026-09-21T14:13:20z",
    "2026-09-21T14:13:20+0200", "2026-09-21T14:13:20+02", "2026-09-21T14:13:20 Z", "2026-09-21T14:13:20.1234567890Z",
    "2026-13-21T14:13:20Z", "2026-02-30T14:13:20Z", "2026-09-21T25:13:20Z", "2026-09-21T14:60:20Z",
    "02026-09-21T14:13:20Z", "-2026-09-21T14:13:20Z", "1790000000", "now", "", "\u0662026-09-21T14:13:20Z",
    "2026-09-21T14:13:20Z\x00", "2026-09-21T14:13:20+25:00",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_date_time_is_refused(text: str) -> None:
    """Other forms of ISO 8601, impossible dates and dates out of range raise the documented error."""
    with pytest.raises(ValueError, match="no dateTime of XML Schema"):
        read_xml_time(text)


@pytest.mark.parametrize("text", [text for text in NO_TIMES if text])
def test_a_timestamp_that_is_none_is_refused_by_ad_fs(site, text):
    """The dates of the security header are those of XML Schema, too; an empty one counts as none."""
    if "\x00" in text:
        return
    body = site.rst("13", user="frank@fabrikam.com", password="Frank-lab-password-1", dates=(site.date(), text))
    answer = site.ask("POST", site.STS, "/adfs/services/trust/13/usernamemixed", body=body)
    assert (answer.status, b"InvalidSecurity" in answer.body) == (500, True)


@settings(max_examples=80)
@given(
    st.integers(86_400_000_000, 250_000_000_000_000_000),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from([0, 1, 3, 6, 7, 9]),
)
def test_every_form_of_a_time_is_the_same_time(micros: int, minutes: int, digits: int) -> None:
    """A zone and up to nine digits of a second change nothing but the precision."""
    zone = timezone(timedelta(minutes=minutes))
    exact = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
    local = exact.astimezone(zone)
    fraction = f".{(f'{local.microsecond:06d}' + '000')[:digits]}" if digits else ""
    sign, offset = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{sign}{offset // 60:02d}:{offset % 60:02d}"
    step = 10 ** (6 - min(digits, 6))
    written = exact.replace(microsecond=exact.microsecond // step * step)
    assert read_xml_time(text) == written.timestamp()


@settings(max_examples=60)
@given(st.integers(0, 253_402_300_799))
def test_what_is_written_is_read_again(second: int) -> None:
    """A time in whole seconds comes back; that of OAuth has the same digits with a blank."""
    assert read_xml_time(format_xml_time(second)) == second
    assert read_xml_time(format_xml_time(second + 0.9)) == second
    assert format_oauth_time(second) == format_xml_time(second).replace("T", " ").replace(".000Z", "Z")


def test_a_time_without_a_zone_is_utc() -> None:
    """SAML writes none, or Z (SAML core, section 1.3.3); blanks around it do not count."""
    assert read_xml_time("2026-09-21T14:13:20") == read_xml_time("\n 2026-09-21T14:13:20Z ") == 1_790_000_000
