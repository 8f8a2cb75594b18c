"""The record beside a report, from which the report is made anew: no store, no data and no training is needed.

``results.csv`` and ``curves.csv`` hold the numbers of the cells, ``record.json`` all else. Nothing in it depends on the
machine that wrote it. Keys keep the order of the experiment's config, as the page shows them in it. The record of a report
over several data sets holds all of them, under ``data_sets``, without their curves.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import pandas as pd

from seedbed.config.recipe import FILES_OF_DATA
from seedbed.errors import ConfigError
from seedbed.metrics import as_plain, from_plain
from seedbed.paths import home_folder
from seedbed.report.files import DATA_SET
from seedbed.report.json_values import json_text, plain, restored
from seedbed.results import CELL_COLUMNS, CURVE_COLUMNS, IDENTITY, Benchmark, Job, Results, Search

if TYPE_CHECKING:
    from seedbed.trained.inspection import Inspection

RECORD = "record.json"
FORMAT = 1
"""Raise it where a record that is written can no longer be read by the code before."""
OF_SEVERAL = 2
"""The format of a record of several data sets."""

RECORDED = tuple(column for column in CELL_COLUMNS if column != "experiment")
"""What the record says of a cell; what stands in results.csv too must be the same there."""
# What is not in the record as it is in ``Results``.
_OWN_FORM = ("cells", "curves", "jobs", "engines", "declared", "declared_by_launch", "predicted", "scored")
# The tables beside the record of one data set, and of several.
_TABLES = ("results.csv", "curves.csv", "comparisons.csv", "published.csv")
_TABLES_OVER = ("results.csv", "comparisons.csv", "over_data_sets.csv")
# Of config.data: where the data lie on one machine.
_PLACES = ("root", *FILES_OF_DATA)


@dataclass(frozen=True)
class Record:
    """What a report is made of."""

    results: Results | Benchmark
    learned: Inspection | str | None


def portable(results: Results, learned: Inspection | str | None) -> tuple[Results, Inspection | str | None]:
    """Leaves out what is true of one machine alone: where the data lie, and the user's home folder, which becomes ``~``."""
    return _portable(results), _without_home(learned) if isinstance(learned, str) else learned


def portable_benchmark(benchmark: Benchmark) -> Benchmark:
    """The same of several data sets."""
    data_sets = {name: _portable(results) for name, results in benchmark.data_sets.items()}
    return _without_home(replace(benchmark, data_sets=data_sets))  # type: ignore[no-any-return]


def _portable(results: Results) -> Results:
    data = results.config.get("data")
    if isinstance(data, dict):
        here = {key: value for key, value in data.items() if key not in _PLACES}
        results = replace(results, config=results.config | {"data": here})
    return _without_home(results)  # type: ignore[no-any-return]


def _without_home(value: Any) -> Any:
    if isinstance(value, str):
        home = str(home_folder() or "").rstrip("/")
        return value.replace(f"{home}/", "~/") if home else value
    if isinstance(value, dict):
        return {key: _without_home(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_home(item) for item in value)
    if isinstance(value, Results | Benchmark | Search | Job):
        own = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return replace(value, **{name: _without_home(item) for name, item in own.items()})
    return value


def record_json(results: Results, learned: Inspection | str | None) -> str:
    """The content of ``record.json``; the same results give the same bytes."""
    return json_text({"format": FORMAT, **_plain_results(results), "learned": plain(learned)})


def benchmark_json(benchmark: Benchmark) -> str:
    """The content of ``record.json`` of several data sets."""
    fields = [field.name for field in dataclasses.fields(benchmark) if field.name != "data_sets"]
    data_sets = {name: _plain_results(results) for name, results in benchmark.data_sets.items()}
    content = {name: plain(getattr(benchmark, name)) for name in fields}
    return json_text({"format": OF_SEVERAL, **content, "data_sets": data_sets})


def _plain_results(results: Results) -> dict[str, Any]:
    fields = [field.name for field in dataclasses.fields(results) if field.name not in _OWN_FORM]
    return {
        **{name: plain(getattr(results, name)) for name in fields},
        **({"engines": plain(results.engines)} if results.engines else {}),
        **({"declared": as_plain(results.declared)} if results.declared_by_launch else {}),
        **({"predicted": plain(results.predicted)} if results.predicted else {}),
        **({"scored": plain(results.scored)} if results.scored else {}),
        "metrics": results.metrics,
        "cells": plain(results.cells[list(RECORDED)].astype(object).to_numpy().tolist()),
        "jobs": [_plain_job(job) for job in results.jobs],
    }


def _plain_job(job: Job) -> dict[str, Any]:
    others = {field.name: getattr(job, field.name) for field in dataclasses.fields(job) if field.name != "cells"}
    cells = job.cells.astype(object).where(job.cells.notna(), None)
    table = {"columns": [str(column) for column in cells], "rows": cells.to_numpy().tolist()}
    return {name: plain(value) for name, value in others.items()} | {"cells": plain(table)}


@dataclass(frozen=True)
class About:
    """What a report is about, in short."""

    experiment: str
    command: str
    """Of its launch."""
    date: str
    """On which the last of its cells were asked for: 2026-11-25."""
    variants: int
    seeds: int
    data_sets: int
    """0 where the file lists none."""


def about(folder: Path) -> About | None:
    """What the report in a folder is about; None where it has no record that can be read."""
    try:
        content = json.loads((folder / RECORD).read_text("utf-8"))
        several = content.get("data_sets")
        each = list(several.values()) if several else [content]
        launches = [launch for of_one in each for launch in of_one["launches"]]
        seed = RECORDED.index("seed")
        return About(
            experiment=str(content["experiment"]),
            command=content["command"]
            if several
            else next((row["command"] for row in launches if row["id"] == content["launch"]), ""),
            date=max(str(launch["started"]) for launch in launches)[:10],
            variants=len(content["variants"]),
            seeds=len({cell[seed] for of_one in each for cell in of_one["cells"]}),
            data_sets=len(several or ()),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def tables_of(folder: Path) -> set[str]:
    """The tables of numbers that the report in a folder was written with; none where it has no record that can be read."""
    try:
        content = json.loads((folder / RECORD).read_text("utf-8"))
        return set(_TABLES_OVER if "data_sets" in content else _TABLES) | (
            {"trials.csv"} if content.get("search") else set()
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return set()


# ---- reading ---------------------------------------------------------------------------------------------------------


def read_record(experiment: str, folder: str | PathLike[str]) -> Record:
    """Read the report of ``experiment`` back from the folder into which ``seedbed report`` has written it.

    Raises ConfigError where a file is missing, damaged, of a newer version, or does not fit the others.
    """
    path = Path(folder) / RECORD
    content = _content(experiment, path)
    if content.get("experiment") != experiment:
        raise ConfigError(
            f"{path} is about the experiment {content.get('experiment')!r}, not about {experiment!r}: name that one, or "
            "another folder."
        )
    try:
        if "data_sets" in content:
            return Record(_benchmark(content, path), None)
        results, recorded = _results(content)
        learned = _learned(content["learned"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    rows = _rows(path.with_name("results.csv"), [*IDENTITY, *recorded.metrics])
    cells = _cells(rows, path.with_name("results.csv"), experiment, recorded)
    curves = _curves(path.with_name("curves.csv"), results.variants)
    return Record(replace(results, cells=cells, curves=curves), learned)


@dataclass(frozen=True)
class _Recorded:
    """What the record says of the cells of one data set; their numbers stand in results.csv."""

    cells: list[dict[str, Any]]
    metrics: list[str]


def _results(content: dict[str, Any]) -> tuple[Results, _Recorded]:
    """What a record says of the results on one data set, whose cells have no numbers yet."""
    hints = get_type_hints(Results)
    known = [name for name in hints if name in content and name not in _OWN_FORM]
    fields = {name: restored(content[name], hints[name]) for name in known}
    cells = [dict(zip(RECORDED, cell, strict=True)) for cell in content["cells"]]
    recorded = content.get("declared")
    if recorded is None:
        from seedbed.config.declared_metrics import declared_today  # which imports Hydra and the tasks

        declared = declared_today(fields["config"])
    else:
        declared = from_plain(recorded)
    fields["variants"]  # without which nothing below means anything: a KeyError names it
    results = Results(
        **fields,
        cells=pd.DataFrame(cells),
        curves=pd.DataFrame(columns=list(CURVE_COLUMNS)),
        jobs=[_job(job) for job in content["jobs"]],
        engines=restored(content.get("engines", {}), hints["engines"]),
        declared=declared,
        declared_by_launch=recorded is not None,
        predicted=restored(content.get("predicted"), hints["predicted"]),
        scored=restored(content.get("scored"), hints["scored"]),
    )
    return results, _Recorded(cells, restored(content["metrics"], list[str]))


def _benchmark(content: dict[str, Any], path: Path) -> Benchmark:
    """The results on several data sets, with the numbers of all from one results.csv."""
    hints = get_type_hints(Benchmark)
    fields = {name: restored(content[name], hints[name]) for name in hints if name != "data_sets" and name in content}
    read = {name: _results(of_one) for name, of_one in content["data_sets"].items()}
    metrics = list(dict.fromkeys(name for _, recorded in read.values() for name in recorded.metrics))
    table = path.with_name("results.csv")
    rows_of: dict[str, list[tuple[str, dict[str, str]]]] = {name: [] for name in read}
    for place, row in _rows(table, [DATA_SET, *IDENTITY, *metrics]):
        if row[DATA_SET] not in rows_of:
            raise _unfit(place, f"{RECORD} has no data set {row[DATA_SET]!r}")
        rows_of[row[DATA_SET]].append((place, row))
    data_sets = {
        name: replace(results, cells=_cells(rows_of[name], table, fields["experiment"], recorded))
        for name, (results, recorded) in read.items()
    }
    return Benchmark(**fields, data_sets=data_sets)


def _content(experiment: str, path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(
            f"There is no {RECORD} in {path.parent}, so its report cannot be made anew from its files: name a folder "
            f"that 'seedbed report {experiment}' has written, or leave --from out to read the tracking store."
        )
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    version = content.get("format") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise _damaged(path, "it does not say of which format it is")
    newest = OF_SEVERAL if "data_sets" in content else FORMAT
    if version > newest:
        raise ConfigError(
            f"{path} is of format {version}, and this version of seedbed reads up to {newest}: update seedbed, or write "
            f"the folder anew with 'seedbed report {experiment}'."
        )
    return content  # type: ignore[no-any-return]


def _damaged(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} cannot be read ({why}). 'seedbed report' writes this file; take it back from version control, or write "
        "it anew from the tracking store."
    )


def _learned(content: Any) -> Inspection | str | None:
    if content is None or isinstance(content, str):
        return content
    from seedbed.trained.inspection import Inspection

    return restored(content, Inspection)  # type: ignore[no-any-return]


def _job(content: dict[str, Any]) -> Job:
    table = restored(content["cells"])
    columns = table["columns"]
    cells = pd.DataFrame(table["rows"], columns=columns)
    finals = [column for column in columns if column not in CELL_COLUMNS]
    hints = get_type_hints(Job)
    fields = {name: restored(content[name], hints[name]) for name in hints if name != "cells" and name in content}
    return Job(**fields, cells=cells.astype(dict.fromkeys(finals, float)))


def _cells(
    rows: Iterable[tuple[str, dict[str, str]]], path: Path, experiment: str, recorded: _Recorded
) -> pd.DataFrame:
    """The cells as recorded, with the metrics in the ``rows`` of results.csv, which lies at ``path``."""
    metrics = recorded.metrics
    known = {(cell["variant"], str(cell["seed"])): cell for cell in recorded.cells}
    finals_of: dict[tuple[str, str], list[float]] = {}
    for place, row in rows:
        key = (row["variant"], row["seed"])
        if key in finals_of:
            raise _unfit(place, f"variant {key[0]!r}, seed {key[1]} appears twice")
        if key not in known:
            raise _unfit(place, f"{RECORD} has no variant {key[0]!r} with seed {key[1]}")
        told = {"experiment": experiment, **known[key]}
        for column in IDENTITY:
            if row[column] != str(told[column]):
                raise _unfit(place, f"{column} is {row[column]!r}, and {told[column]!r} in {RECORD}")
        finals_of[key] = [_number(row[metric], place, metric) for metric in metrics]
    if missing := [key for key in known if key not in finals_of]:
        raise _unfit(str(path), f"the row of variant {missing[0][0]!r}, seed {missing[0][1]} is missing")
    values = [finals_of[key] for key in known]
    cells = [{"experiment": experiment, **cell} for cell in recorded.cells]
    finals = pd.DataFrame(values, columns=metrics, dtype=float)
    return pd.concat([pd.DataFrame(cells)[list(CELL_COLUMNS)], finals], axis=1)


def _curves(path: Path, variants: tuple[str, ...]) -> pd.DataFrame:
    points = []
    for place, row in _rows(path, list(CURVE_COLUMNS)):
        if row["variant"] not in variants:
            raise _unfit(place, f"{RECORD} has no variant {row['variant']!r}")
        seed, epoch = (int(_number(row[column], place, column)) for column in ("seed", "epoch"))
        points.append((row["variant"], seed, epoch, row["metric"], _number(row["value"], place, "value")))
    return pd.DataFrame(points, columns=list(CURVE_COLUMNS))


def _rows(path: Path, header: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Place of each row, for messages, and its values by column; ConfigError if the file is missing or unfit."""
    if not path.is_file():
        raise ConfigError(
            f"There is no {path.name} beside {RECORD} in {path.parent}: the numbers stand in it. Take it back from "
            "version control, or write the folder again with 'seedbed report'."
        )
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            if (first := next(reader, [])) != header:
                raise _unfit(f"{path}, row 1", f"its columns are {', '.join(first)}, and not {', '.join(header)}")
            for row in reader:
                place = f"{path}, row {reader.line_num}"
                if len(row) != len(header):
                    raise _unfit(place, f"it has {len(row)} values for {len(header)} columns")
                yield place, dict(zip(header, row, strict=True))
    except (OSError, UnicodeError, csv.Error) as error:
        raise _unfit(str(path), str(error)) from error


def _number(text: str, place: str, column: str) -> float:
    """An empty value is NaN."""
    try:
        return float(text) if text else float("nan")
    except ValueError as error:
        raise _unfit(place, f"{column} is {text!r}, which is not a number") from error


def _unfit(place: str, why: str) -> ConfigError:
    return ConfigError(
        f"{place}: {why}. The files of a report belong together, and are not to be edited: take them back from version "
        "control, or write the folder again with 'seedbed report'."
    )
