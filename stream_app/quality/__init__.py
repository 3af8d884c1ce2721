"""Online quality: recommendations and interactions -> what came of the lists, each counted once."""
