"""Models of real clients, their SPN rules and their network-error policies.

This package imports nothing of the simulator. ``ports`` defines what a model needs of a device; a model runs wherever
these ports are implemented. How to write a model: ``clients/README.md``.
"""
