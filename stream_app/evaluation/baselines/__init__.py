"""What ours has to beat: each learns from the events before a question, and from nothing else."""
