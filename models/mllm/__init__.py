"""Engines with weights: everything that needs torch and transformers lies in this folder."""
