"""Whether the data of a launch are others than the published ones that its experiment is about."""

from __future__ import annotations

from seedbed.results import Results

MARKS = ("SUBSET IN USE", "A COPY OF ITS OWN")
"""What the note of a data set begins with that is read from a subset or from a copy of the user's own."""


def foreign_data(results: Results) -> str:
    """The note of the data set that says so; "" where the data are the published ones, or stand for themselves."""
    return next((str(note) for note in results.data.get("notes") or () if str(note).startswith(MARKS)), "")
