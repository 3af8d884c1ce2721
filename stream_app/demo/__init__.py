"""A shop to try things on: garments drawn by our own code, and shoppers whose tastes drift.

Pure functions of their seeds; neither broker nor object storage is known here.
"""
