"""The pictures of a report, each drawn from its numbers by one module."""
