"""Results that were trained elsewhere: read, checked, and compared or recorded as imported."""
