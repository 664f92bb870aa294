"""The processes of ``ssosim up``: the launcher, the supervisor and the lab in its namespaces."""
