"""Values beyond what can be: out of bounds, impossible dates, starts after ends, cut-off text."""
