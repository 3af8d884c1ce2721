"""From a log and a catalogue to a LoRA adapter: `stream-app finetune`."""
