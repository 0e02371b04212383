"""Per-sample loss functions and the loss classes over them, one family a file."""
