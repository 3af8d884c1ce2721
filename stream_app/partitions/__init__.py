"""Partitions with local state: taken over, restored, written for in transactions, given back."""
