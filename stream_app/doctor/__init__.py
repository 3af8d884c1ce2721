"""`stream-app doctor`: what is wrong with a deployment, and what to do about it.

A module for each theme: it looks, and a pure function judges what was found.
"""
