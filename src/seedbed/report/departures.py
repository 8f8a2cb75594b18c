"""Departures of a launch from what its experiment is about: data other than the published ones, another recipe."""

from __future__ import annotations

from seedbed.report.formatting import listed
from seedbed.results import Results

MARKS = ("SUBSET IN USE", "A COPY OF ITS OWN")
"""Beginnings of the note of a data set that is read from a subset, or from a copy of the user's own."""


def foreign_data(results: Results) -> str:
    """The note of the data set that says so; "" where the data are the published ones, or stand for themselves."""
    return next((str(note) for note in results.data.get("notes") or () if str(note).startswith(MARKS)), "")


def departures(results: Results) -> str:
    """Says that this launch is by another recipe than the experiment's, which is that of the source, or on other data."""
    recipe = f"; this launch changed its recipe: {listed(f'`{text}`' for text in results.overrides)}"
    said = recipe if results.overrides else ""
    return f"{said}; the data are not those of the source: see the first lines" if foreign_data(results) else said
