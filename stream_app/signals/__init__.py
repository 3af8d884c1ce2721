"""Online signals: interactions -> decayed counts of items, each event counted once."""
