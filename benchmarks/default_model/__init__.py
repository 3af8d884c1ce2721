"""What the default model can and can't do, on pictures and shoppers it never met."""
