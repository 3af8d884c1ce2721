"""Figures, each as a command that prints them; tests assert none of them."""
