"""DNS servers over UDP and TCP: wire format, listeners, authorities, query counts, health probes."""
