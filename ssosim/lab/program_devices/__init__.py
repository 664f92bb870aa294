"""The devices that programs run on: network and mount namespaces, ``/etc``, the lab's trust, attribution."""
