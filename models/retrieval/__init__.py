"""Search in a catalogue: by vector, under a filter, by age, by lot."""
