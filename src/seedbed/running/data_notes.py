"""The notes on the data of several data sets, as a run says them: files that were read in the same way share a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seedbed.training.planned import PlannedCells, PlannedVariant

READ = " was read as "
"""Between a file and how it was read."""
MOST_NAMED = 5


def notes_of(plan: Sequence[PlannedCells]) -> list[str]:
    """The notes on the data of a plan, each once."""
    tables = [planned.table for planned in plan if isinstance(planned, PlannedVariant)]
    return list(dict.fromkeys(note for table in tables for note in table.notes))


def said_of_data(notes: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines for the notes on each data set by its name: how files were read, and then all else."""
    read_alike: dict[str, dict[str, str]] = {}
    others = []
    for name, of_one in notes.items():
        for note in of_one:
            file, read, how = note.partition(READ)
            if read:
                read_alike.setdefault(how, {})[file] = name
            else:
                others.append(f"{name}: {note}")
    return [*(_read(files, how) for how, files in read_alike.items()), *others]


def same_data(plans: Mapping[str, Sequence[PlannedCells]]) -> list[str]:
    """A warning for data sets, by their names, that are the same data: each would count as one of its own."""
    names: dict[frozenset[str], list[str]] = {}
    for name, plan in plans.items():
        names.setdefault(frozenset(plan[0].fingerprints.values()), []).append(name)
    return [
        f"{', '.join(alike)}: the same data under several names. They are trained once, but count as several data sets in tests over "
        "data sets, whose p-values are then too small. Take all but one out of data_sets."
        for alike in names.values()
        if len(alike) > 1
    ]


def _read(files: Mapping[str, str], how: str) -> str:
    """How files, each with the name of its data set, were read."""
    if len(files) == 1:
        ((file, name),) = files.items()
        return f"{name}: {file}{READ}{how}"
    named = list(files)[:MOST_NAMED]
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return f"{len(files)} files were read as {how.rstrip('.')}: {', '.join(named)}{more}."
