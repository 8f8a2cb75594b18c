"""What the trained seeds of a classifier say of new texts or rows of numbers, and how far they agree about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from seedbed.data.numbers import DECIMALS
from seedbed.data.records import Reading, open_records
from seedbed.errors import ConfigError, DataError
from seedbed.report.formatting import mean_text
from seedbed.serving.classifier import Classifier
from seedbed.serving.inputs import TEXT
from seedbed.statistics import summary
from seedbed.trained import seed_or_seeds

DECIMALS_SHOWN = 4
LONGEST_SHOWN = 60
"""Characters of a text."""


def prediction_text(classifier: Classifier, questions: pd.DataFrame) -> str:
    """A table of one row a question: with two classes the rarer one's probability, with more that of the label."""
    answers, scores = classifier.predict(questions), classifier.probabilities(questions)
    labels = answers["label"].tolist()
    shown = [classifier.rarest if len(classifier.classes) == 2 else label for label in labels]
    of_shown = [summary(scores[:, number, classifier.classes.index(name)]) for number, name in enumerate(shown)]
    seeds = len(classifier.seeds)
    name = classifier.rarest if len(classifier.classes) == 2 else "label"
    header = ["label", f"probability of {name} ± std", f"say {name}", "of"]
    rows = [
        [
            label,
            mean_text(found, DECIMALS_SHOWN),
            f"{answers[f'seeds_{of}'][number]} of {seeds} {seed_or_seeds(seeds)}",
            _described(questions, number),
        ]
        for number, (label, of, found) in enumerate(zip(labels, shown, of_shown, strict=True))
    ]
    return "\n".join([classifier.about, "", *_aligned([header, *rows])])


def questions_of(
    classifier: Classifier, texts: Sequence[str], file: Path | None, decimal: str = "point"
) -> pd.DataFrame:
    """The texts, and those of the file, one a line; for a classifier of numbers, the rows of a table in the file.

    Raises ``ConfigError`` and ``DataError``.
    """
    is_of_texts = [column.name for column in classifier.questions] == [TEXT]
    if not is_of_texts:
        if texts or file is None:
            names = ", ".join(column.name for column in classifier.questions)
            raise ConfigError(
                f"--text: this classifier takes rows of numbers. Give --file, a table with columns {names}."
            )
        return _table(classifier, file, decimal)
    lines = [*texts, *(_lines(file) if file else [])]
    if not lines:
        raise ConfigError("--text or --file: give a text, such as --text 'WINNER!! Claim your prize now'.")
    return pd.DataFrame({TEXT: lines})


def _lines(file: Path) -> list[str]:
    """Those that are not blank."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--file {file} cannot be read: {error}. Name a text file in UTF-8.") from error
    return [line for line in lines if line.strip()]


def _table(classifier: Classifier, file: Path, decimal: str) -> pd.DataFrame:
    names = [column.name for column in classifier.questions]
    records = open_records(file, Reading(), names)
    numbers = records.numbers([records.position(name, "--file") for name in names], DECIMALS[decimal])
    return pd.DataFrame({name: numbers.iloc[:, place] for place, name in enumerate(names)})


def _described(questions: pd.DataFrame, number: int) -> str:
    if list(questions.columns) != [TEXT]:
        return f"row {number + 1}"
    text = " ".join(str(questions[TEXT].iloc[number]).split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
