"""Teach a model its tasks: answers word by word, and yes or no to many candidates at once."""
