"""What signs in: models of real clients, their SPN rules and their network-error policies.

This package imports nothing of the simulator. It says what a client needs of a device (``ports``) and is run by
whatever provides that. How to write a model: ``clients/README.md``.
"""
