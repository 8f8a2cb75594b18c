"""What a search says: its trials, what its best settings are worth on fresh seeds, which settings matter."""
