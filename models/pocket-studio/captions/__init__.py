"""Words for shots: what people call a product photograph."""
