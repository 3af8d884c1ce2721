"""Teach the default model on the drawn catalogue, on photos of clothes, and on shops of words."""
