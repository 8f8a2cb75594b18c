"""Anyone's texts, from a file with a column of texts and one of labels or targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seedbed.data.encoders import Encoder, check_encoder
from seedbed.data.files.records import Reading
from seedbed.data.labels import LabelRules, classes_of
from seedbed.data.numbers import MissingValues, check_decimal
from seedbed.data.sources import sha256
from seedbed.data.table import Progress, Table
from seedbed.data.targets import check_one_of
from seedbed.data.texts import TargetColumn, read_texts, text_table
from seedbed.errors import ConfigError
from seedbed.paths import expanded


class TextCsv:
    """A file of texts with labels or targets as a table; nothing is read before ``load``."""

    def __init__(
        self,
        *,
        path: str | None = None,
        text: str | int | None = None,
        label: str | int | None = None,
        target: str | int | None = None,
        encoder: Encoder,
        unescape_html: bool = False,
        case_sensitive: bool = False,
        decimal: str = "point",
        missing_values: Sequence[Any] | None = None,
        labels: Mapping[Any, Any] | Sequence[Any] | None = None,
        join_labels: bool = False,
        drop_classes: Sequence[Any] | None = (),
        positive: Any = None,
        **reading: Any,
    ) -> None:
        """The arguments are the keys of ``conf/data/text_csv.yaml``, ``reading`` those of ``Reading`` among them.

        Raises ``ConfigError``.
        """
        self.path = checked_path(path, "data.path=reviews.csv data.text=body data.label=stars")
        self.text = None if text is None else str(text)
        self.label = None if label is None else str(label)
        of_classes = {"labels": labels, "join_labels": join_labels, "drop_classes": drop_classes, "positive": positive}
        check_one_of(self.label, None if target is None else str(target), of_classes)
        of_targets = check_decimal(decimal), MissingValues(missing_values)
        self.target = None if target is None else TargetColumn(str(target), *of_targets)
        self.encoder = check_encoder(encoder)
        self.unescape_html = unescape_html
        self.case_sensitive = case_sensitive
        self.rules = LabelRules(labels, join_labels, drop_classes, positive)
        self.reading = Reading(**reading)

    def load(self, progress: Progress | None = None) -> Table:
        """Read the texts and encode them; raises ``ConfigError`` and ``DataError``."""
        labelled = read_texts(self.path, self.reading, self.text, self.label, self.rules, self.target)
        classes = () if labelled.targets is not None else classes_of(labelled.labels, labelled.place)
        return text_table(
            labelled,
            name=self.path.stem,
            digest=sha256(self.path),
            classes=classes,
            encoder=self.encoder,
            unescape_html=self.unescape_html,
            case_sensitive=self.case_sensitive,
            positive=self.rules.positive_class(classes, labelled.place),
            dropped_classes=self.rules.dropped,
            progress=progress,
        )


def checked_path(path: str | None, example: str) -> Path:
    """The path of the user's file; raises ``ConfigError`` where none is named."""
    if not path:
        raise ConfigError(f"data.path is not set: name your file, as in {example}")
    return expanded(path)
