"""Dead letters: looked at, sent again to where they came from, or put away; each once."""
