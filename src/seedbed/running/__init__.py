"""Commands that train: from an experiment to its records, one straight line each."""
