"""What crosses a topic: one record per file, one codec, one table of topics.

Knows nothing of models, brokers or storage, so that any service may import it.
"""
