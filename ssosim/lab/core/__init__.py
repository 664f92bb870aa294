"""The lab itself: DNS, KDC and HTTPS services started, joined and stopped, with their trace."""
