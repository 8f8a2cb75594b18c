"""Seeds of a variant, trained at once and recorded."""
