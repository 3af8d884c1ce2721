"""Drills: faults against the running system, then a comparison with a clean replay of its log."""
