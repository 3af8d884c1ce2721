"""A shop as files: its log, its catalogue and its pictures, read as the running processes would."""
