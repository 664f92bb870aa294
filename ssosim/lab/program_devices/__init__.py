"""Devices for programs: network and mount namespaces, ``/etc``, trust in the lab's CA, attribution by address."""
