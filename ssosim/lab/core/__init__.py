"""The composition root: it starts, joins and stops the DNS servers, the KDC and the HTTPS services, and their trace."""
