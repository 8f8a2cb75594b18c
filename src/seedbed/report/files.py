"""Files that are there whole or not at all, and the same bytes for the same results."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from seedbed.errors import ConfigError
from seedbed.report.formatting import exact
from seedbed.report.published import PublishedNumber
from seedbed.results import CURVE_COLUMNS, IDENTITY, Benchmark, Results

DATA_SET = "data_set"
"""The first column of tables about several data sets."""
PUBLISHED_COLUMNS = (
    "variant", "metric", "epoch", "published", "mean", "std", "n", "z", "reproduced",
    "low", "high", "half_width_relative", "verdict",
)  # fmt: skip


def check_writable(folder: Path, option: str) -> None:
    """Refuse a folder that cannot take files, before any work; ``option`` is what names another one."""
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = "it is a file" if folder.is_file() else error.strerror or error
        raise ConfigError(
            f"{folder} cannot take files: {why}. Name a folder that can be written with {option}."
        ) from error
    finally:
        for parent in made:  # a report that is refused leaves no empty folder
            with contextlib.suppress(OSError):
                parent.rmdir()


def write_files(folder: Path, contents: Mapping[str, bytes | str], option: str) -> None:
    """Write all of them; what the disk refuses is a ``ConfigError``."""
    try:
        for name, content in contents.items():
            write_file(folder / name, content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise ConfigError(
            f"The files cannot be written to {folder}: {error.strerror or error}. Make room there, or name another folder with "
            f"{option}; nothing that was trained is lost."
        ) from error


def remove_earlier(folder: Path, kept: Collection[str], mark: str) -> None:
    """Remove what an earlier report has left in ``folder``: files that begin with ``mark`` and are none of those ``kept``."""
    found = [path for path in sorted(folder.glob("*")) if path.name not in kept and path.is_file()]
    remove([path for path in found if _begins_with(path, mark.encode())])


def remove(files: Iterable[Path]) -> None:
    """Remove files of an earlier report, as far as they are there; what the disk refuses is a ``ConfigError``."""
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{path}, of an earlier report, cannot be removed: {error.strerror or error}. Remove it, or name another "
                "folder with --output."
            ) from error


def _begins_with(path: Path, mark: bytes) -> bool:
    """False of a file that cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(mark)) == mark
    except OSError:
        return False


def write_file(path: Path, content: bytes) -> None:
    """Write beside ``path`` under a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, 0o644)  # mkstemp's 0600 would keep a report from colleagues
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """RFC 4180 text with plain line feeds; numbers read back exactly as they were."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([exact(value) for value in row] for row in rows)
    return stream.getvalue()


def results_csv(results: Results | Benchmark) -> str:
    """One row a cell, by variant (in the experiment's order) and seed, then one column a final metric.

    Of several data sets, the column ``data_set`` comes first, and a metric that is not recorded on one is empty there.
    """
    if isinstance(results, Benchmark):
        return _results_over_csv(results)
    columns = [*IDENTITY, *results.metrics]
    return csv_text(columns, _cell_rows(results, columns))


def _results_over_csv(benchmark: Benchmark) -> str:
    columns = [*IDENTITY, *metrics_over(benchmark)]
    rows = ((name, *row) for name, results in benchmark.data_sets.items() for row in _cell_rows(results, columns))
    return csv_text([DATA_SET, *columns], rows)


def metrics_over(benchmark: Benchmark) -> list[str]:
    """Names of the final metrics that are recorded on any data set."""
    return list(dict.fromkeys(name for results in benchmark.data_sets.values() for name in results.metrics))


def _cell_rows(results: Results, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for variant in results.variants:
        cells = results.cells_of(variant).reindex(columns=list(columns)).astype(object)
        yield from cells.itertuples(index=False, name=None)


def curves_csv(results: Results) -> str:
    """One row a value, by variant (in the experiment's order), seed, metric and epoch."""
    place = {variant: order for order, variant in enumerate(results.variants)}
    columns = list(CURVE_COLUMNS)
    frame = results.curves[results.curves["variant"].isin(place)]
    frame = frame.assign(_place=frame["variant"].map(place)).sort_values(
        ["_place", "seed", "metric", "epoch"], kind="stable"
    )
    return csv_text(columns, frame[columns].astype(object).itertuples(index=False, name=None))


def comparisons_csv(comparisons: pd.DataFrame) -> str:
    """One row a comparison of the family."""
    rows = comparisons.astype(object).where(comparisons.notna(), None)
    return csv_text([str(column) for column in comparisons], rows.itertuples(index=False, name=None))


def published_csv(numbers: list[PublishedNumber]) -> str:
    """One row a published number; the header alone where the source published none."""
    return csv_text(
        PUBLISHED_COLUMNS,
        (
            (
                row.variant,
                row.metric,
                row.epoch,
                row.value,
                row.ours.mean,
                row.ours.std,
                row.ours.n,
                row.z,
                row.reproduced,
                None if row.interval is None else row.interval.low,
                None if row.interval is None else row.interval.high,
                row.half_width,
                row.verdict,
            )
            for row in numbers
        ),
    )
