"""What the crowd does, learned event by event: item-to-item transitions, co-visits, popularity."""
