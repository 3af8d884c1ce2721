"""Records and pictures that nobody should send, to every topic that is read."""
