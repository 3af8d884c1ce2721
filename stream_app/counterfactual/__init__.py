"""`stream-app counterfactual`: what another policy would bring, told from lists that were shown."""
