"""Weights of the final score, learned from what users did next."""
