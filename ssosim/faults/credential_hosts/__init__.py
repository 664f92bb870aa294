"""Faults of hosts that give programs tokens, such as IMDS, App Service and Azure Arc, one file each."""
