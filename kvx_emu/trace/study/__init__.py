"""What is found out of traces that were written before: counts, latencies, where two of them part."""
