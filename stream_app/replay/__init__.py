"""`stream-app replay`: a historic log through the product's own step, measured by protocols."""
