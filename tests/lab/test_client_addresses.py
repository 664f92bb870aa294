"""Addresses of clients, and whose device records its failed connections itself."""

from ssosim.lab.base.client_addresses import ClientAddresses


def test_a_device_that_reports_is_left_out_at_both_ends():
    """A model's libkrb5 meets a closed port of its own address from an address that nobody has."""
    addresses = ClientAddresses()
    addresses.register("100.65.0.1", "model", reports_failures=True)
    addresses.register("100.64.1.1", "program")
    assert addresses.client_of("127.0.0.1", "100.65.0.1") == "model"
    assert addresses.client_without_reports("127.0.0.1", "100.65.0.1") == ""
    assert addresses.client_without_reports("100.65.0.1", "192.0.2.10") == ""
    assert addresses.client_without_reports("127.0.0.1", "100.64.1.1") == "program"
    assert addresses.client_without_reports("100.64.1.1", "100.65.0.1") == "program"
