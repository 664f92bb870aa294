"""The hosts of an estate's cloud, as client models know them."""

from __future__ import annotations

from ssosim_clients.cloud import CloudHosts

from ssosim.estate import Estate
from ssosim.estate.first_party import GRAPH_URIS, cloud_name_of

__all__ = ["cloud_hosts_of"]


def cloud_hosts_of(estate: Estate, upn: str) -> CloudHosts:
    """Return the hosts of the cloud of the user ``upn``, for the configuration of client models."""
    cloud = estate.cloud_of_user(upn)
    return CloudHosts(cloud.login_hosts, cloud.autologon_host, GRAPH_URIS[cloud_name_of(cloud.cloud_instance_name)])
