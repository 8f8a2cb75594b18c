"""Trained seeds, built again from the store, and what they say."""
