"""What the trained seeds of a classifier or regressor say of new texts or rows of numbers, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from seedbed.config.override_grammar import in_grammar, parse
from seedbed.data.files.records import SUFFIXES, Reading, Records, open_records
from seedbed.data.numbers import AUTO, MissingValues, check_decimal, numeric_frame, read_numbers
from seedbed.errors import ConfigError, DataError, near_misses
from seedbed.report.formatting import mean_text, number, places, single_places
from seedbed.serving.classifier import Classifier
from seedbed.serving.regressor import Regressor
from seedbed.serving.texts import TEXT
from seedbed.statistics import summary
from seedbed.trained.loading import seed_or_seeds

DECIMALS_SHOWN = 4
LONGEST_SHOWN = 60
"""Characters of a text."""


def prediction_text(predictor: Classifier | Regressor, questions: pd.DataFrame) -> str:
    """A table of one row a question."""
    header, rows = (
        _of_numbers(predictor, questions) if isinstance(predictor, Regressor) else _of_classes(predictor, questions)
    )
    described = [[*row, _described(questions, number)] for number, row in enumerate(rows)]
    return "\n".join([predictor.about, "", *_aligned([[*header, "of"], *described])])


def _of_numbers(regressor: Regressor, questions: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and rows: the mean prediction, and the lowest and highest of a seed; of one seed, its prediction."""
    predictions = regressor.predictions(questions)
    if len(predictions) == 1:
        return [regressor.target], [[number(float(value), single_places(float(value)))] for value in predictions[0]]
    of_rows = [summary(predictions[:, row]) for row in range(predictions.shape[1])]
    decimals = places(of_rows)
    rows = [
        [mean_text(of_row, decimals), number(float(of_seeds.min()), decimals), number(float(of_seeds.max()), decimals)]
        for of_row, of_seeds in zip(of_rows, predictions.T, strict=True)
    ]
    return [f"{regressor.target} ± std", "lowest", "highest"], rows


def _of_classes(classifier: Classifier, questions: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and rows: with two classes the rarer one's probability, with more that of the label."""
    answers, scores = classifier.predict(questions), classifier.probabilities(questions)
    labels = answers["label"].tolist()
    shown = [classifier.rarest if len(classifier.classes) == 2 else label for label in labels]
    of_shown = [summary(scores[:, number, classifier.classes.index(name)]) for number, name in enumerate(shown)]
    seeds = len(classifier.seeds)
    name = classifier.rarest if len(classifier.classes) == 2 else "label"
    rows = [
        [
            label,
            mean_text(probability, DECIMALS_SHOWN),
            f"{answers[f'seeds_{of}'][number]} of {seeds} {seed_or_seeds(seeds)}",
        ]
        for number, (label, of, probability) in enumerate(zip(labels, shown, of_shown, strict=True))
    ]
    return ["label", f"probability of {name} ± std", f"say {name}"], rows


TABLES = (".csv", ".arff", *SUFFIXES)
"""Suffixes of files that are tables, where the texts that were trained on stood in one."""


@dataclass(frozen=True)
class FileOptions:
    """How a file of questions is read: as the file that was trained on, by the keys of the launch's ``data``."""

    reading: Reading = field(default_factory=Reading)
    decimal: str = "point"
    missing_values: MissingValues = field(default_factory=MissingValues)
    text: str | None = None
    """The column of texts; None where each line is one."""
    suffix: str = ""
    """Of the file that was trained on."""

    @classmethod
    def of(cls, data: Mapping[str, Any], overrides: Sequence[str] = ()) -> FileOptions:
        """The options of a launch's ``data`` under overrides such as ``data.encoding=cp1252``; raises ``ConfigError``."""
        of_reading = [entry.name for entry in fields(Reading)]
        known = {f"data.{name}": name for name in (*of_reading, "decimal", "missing_values", "text")}
        given = {name: data[name] for name in known.values() if name in data}
        for item in parse(in_grammar(overrides)):
            if item.key_or_group not in known:
                raise ConfigError(
                    f"Override {item.input_line!r}: it does not say how --file is read, {near_misses(item.key_or_group, known)}"
                )
            given[known[item.key_or_group]] = item.value()
        text, decimal = given.pop("text", None), given.pop("decimal", "point")
        check_decimal(decimal, AUTO)
        missing = MissingValues(given.pop("missing_values", None))
        path = data.get("path")
        name = None if text is None else str(text)
        return cls(Reading(**given), decimal, missing, name, Path(path).suffix.lower() if isinstance(path, str) else "")


def questions_of(
    predictor: Classifier | Regressor,
    texts: Sequence[str],
    file: Path | None,
    options: FileOptions | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> pd.DataFrame:
    """Read the questions: the texts, and those of the file; for rows of numbers, those of a table in the file.

    A file like the one that was trained on is read as that one was, any other has a text a line; ``say`` is told what of
    it was left out or replaced. Raises ``ConfigError`` and ``DataError``.
    """
    options = options or FileOptions()
    is_of_texts = [column.name for column in predictor.questions] == [TEXT]
    if not is_of_texts:
        if texts or file is None:
            names = ", ".join(column.name for column in predictor.questions)
            raise ConfigError(
                f"--text: this {predictor.KIND} takes rows of a table. Give --file, a table with columns {names}."
            )
        return _table(predictor, file, options, say)
    lines = [*texts, *(_texts(file, options, say) if file else [])]
    if not lines:
        raise ConfigError("--text or --file: give a text, such as --text 'WINNER!! Claim your prize now'.")
    return pd.DataFrame({TEXT: lines})


def _texts(file: Path, options: FileOptions, say: Callable[[str], None]) -> list[str]:
    """The texts of a file that are not blank: of the column, or its lines where it is no table or has one column of another name."""
    suffix = file.suffix.lower()
    if options.text is None or suffix not in (*TABLES, options.suffix) or not suffix:
        return _lines(file, options.reading.encoding)
    try:
        records = open_records(file, options.reading, [options.text])
    except DataError:
        if suffix in TABLES:
            raise
        return _lines(file, options.reading.encoding)
    if options.text not in records.columns and len(records.columns) == 1:
        return _lines(file, options.reading.encoding)
    (texts,) = records.strings([records.position(options.text, "data.text")])
    _say_what_is_lost(records, file, say)
    return [text for text in texts if text.strip()]


def _lines(file: Path, encoding: str) -> list[str]:
    """The lines of a file that are not blank."""
    name = "utf-8" if encoding == "auto" else encoding
    try:
        lines = file.read_text(encoding=name).removeprefix("\ufeff").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"--file {file} cannot be read: {error}. Name a text file in {name.upper()}, or say what it is in, such as "
            "data.encoding=cp1252."
        ) from error
    return [line for line in lines if line.strip()]


def _table(
    predictor: Classifier | Regressor, file: Path, options: FileOptions, say: Callable[[str], None]
) -> pd.DataFrame:
    names = [column.name for column in predictor.questions]
    records = open_records(file, options.reading, names)
    _require_columns(records, names, file)
    positions = {name: records.position(name, "--file") for name in names}
    of_numbers = [positions[column.name] for column in predictor.questions if column.type == "double"]
    of_texts = [at for at in positions.values() if at not in of_numbers]
    values: dict[int, Any] = {}
    if of_numbers:
        numbers, decimal = numeric_frame(records, of_numbers, options.decimal, options.missing_values)
        settled = replace(options, decimal=decimal)
        values = {at: _column(records, at, numbers[at], file, settled) for at in of_numbers}
    if of_texts:
        values |= dict(zip(of_texts, records.strings(of_texts), strict=True))
    _say_what_is_lost(records, file, say)
    return pd.DataFrame({name: values[at] for name, at in positions.items()})


def _require_columns(records: Records, names: Sequence[str], file: Path) -> None:
    lacking = [name for name in names if not records.positions(name)]
    if lacking:
        shown = [*map(repr, lacking[:5]), *([f"{len(lacking) - 5} more"] if len(lacking) > 5 else [])]
        columns = f"column{'s' if len(lacking) > 1 else ''} {', '.join(shown)}"
        raise DataError(
            f"--file: {file} lacks the {columns}, which training used. Its columns are {records.listed()}. "
            f"({records.how} Where that is wrong, add data.delimiter, data.quoting or data.skip_lines to the command.)"
        )


def _column(records: Records, at: int, numbers: pd.Series[Any], file: Path, options: FileOptions) -> Any:
    """The numbers of a column, NaN where there is none, or what ``data.missing_values`` names."""
    if pd.api.types.is_numeric_dtype(numbers):
        return numbers
    read = read_numbers(records.strings([at])[0], options.decimal, options.missing_values)
    if read.unreadable.any():
        raise DataError(f"--file {file}: column {records.columns[at]!r} has {read.shown()}, no number. {read.remedy()}")
    return read.values


def _say_what_is_lost(records: Records, file: Path, say: Callable[[str], None]) -> None:
    if records.dropped:
        count = f"{records.dropped} record{'' if records.dropped == 1 else 's'}"
        say(f"{file}: {count} left out (data.bad_lines=drop): {'; '.join(records.found.dropped_sentences())}.")
    for replaced in records.found.replaced:
        say(f"{file}: {replaced.sentence()}")


def _described(questions: pd.DataFrame, number: int) -> str:
    if list(questions.columns) != [TEXT]:
        return f"row {number + 1}"
    text = " ".join(str(questions[TEXT].iloc[number]).split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
