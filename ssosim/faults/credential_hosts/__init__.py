"""Faults of hosts that give programs tokens: IMDS, App Service, Azure Arc, Azure Pipelines and others, one file each."""
