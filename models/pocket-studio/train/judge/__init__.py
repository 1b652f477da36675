"""Judges that cannot flatter: they know renders, not the model."""
