"""Labelled texts from a file, and the table that they and an encoder make."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from seedbed.data.encoders import Encoder, FittedEncoder, notes_on_cut
from seedbed.data.encoding_cache import counts_of, encode_cached
from seedbed.data.files.records import Reading, Records, open_records
from seedbed.data.labels import LabelRules, equal_classes_note, label_numbers
from seedbed.data.network_inputs import NetworkInputs
from seedbed.data.table import (
    Prepared,
    Progress,
    Table,
    count_notes,
    count_rows,
    group_numbers,
    look_alike_texts,
    normalise,
    rows_of,
)
from seedbed.data.text_forms import LOOK_ALIKES, seen, unseen_in
from seedbed.errors import ConfigError

# Files of this shape are known without being told their columns: the SMS Spam Collection's, as it is copied around.
KNOWN_COLUMNS = (("v1", "v2"), ("Category", "Message"))
KNOWN_LABELS = ("ham", "spam")


@dataclass(frozen=True)
class LabelledTexts:
    """N texts with their labels, as one file holds them."""

    texts: list[str]
    labels: list[str]
    place: str
    """The label column, for errors."""
    counts: dict[str, int]
    """``rows_in_file``, and what was dropped or joined where there was any."""
    notes: tuple[str, ...]
    """How the file was read, and a sentence for each of those counts."""
    made_with: dict[str, str] = field(default_factory=dict)
    """For ``Table.made_with``, beside the encoder."""


def read_texts(
    path: Path,
    reading: Reading,
    text: str | None = None,
    label: str | None = None,
    rules: LabelRules | None = None,
) -> LabelledTexts:
    """Read the columns ``text`` and ``label``, which may be None where the file's shape is known.

    Columns without a name that follow the text hold text which an unquoted delimiter cut off: they are joined to it
    again. Rows without text or label are dropped. Raises ``ConfigError`` and ``DataError``.
    """
    records = open_records(path, reading, [name for name in (text, label) if name is not None])
    if text is None and label is None:
        if len(records.columns) == 2 and records.columns[0] in KNOWN_LABELS:  # no header: the first line is a record
            records = open_records(path, replace(reading, header=False))
            label, text = records.columns
        elif (named := _named(records)) in KNOWN_COLUMNS:
            label, text = named
    said = records.target_notes("data.label") if label is None else []
    text_at, label_at = _places(records, text, label)
    overflow = _overflow(records, text_at)
    labels, texts, *cut_off = records.strings([label_at, text_at, *overflow])
    joined = 0
    for row, parts in enumerate(zip(*cut_off, strict=True)):
        if any(parts):
            filled = max(at for at, part in enumerate(parts) if part)
            texts[row] = records.delimiter.join([texts[row], *parts[: filled + 1]])
            joined += 1
    place = f"{path}: column {records.columns[label_at]!r} (data.label)"
    settled = (rules or LabelRules()).settled(labels, place)
    without_text = np.array([not seen(value) for value in texts], dtype=bool)
    without_label = np.array([not name for name in settled.names], dtype=bool) & ~without_text
    kept = np.flatnonzero(~(without_text | without_label | settled.left_out)).tolist()
    counts = {
        "dropped_bad_lines": records.dropped,
        "dropped_without_text": int(without_text.sum()),
        "dropped_without_label": int(without_label.sum()),
        "joined_overflow": joined,
    }
    unseen_only = any(without_text[row] and value.strip() for row, value in enumerate(texts))
    return LabelledTexts(
        texts=[texts[row] for row in kept],
        labels=[settled.names[row] for row in kept],
        place=place,
        counts={
            "rows_in_file": len(texts) + records.dropped,
            **{what: rows for what, rows in counts.items() if rows},
            **settled.counts,
            **records.counts,
        },
        notes=(*records.notes, *said, *count_notes(counts, records.first_dropped), *settled.notes),
        made_with={**records.made_with, **settled.made_with, **(LOOK_ALIKES if unseen_only else {})},
    )


def text_table(
    labelled: LabelledTexts,
    *,
    name: str,
    digest: str,
    classes: tuple[str, ...],
    encoder: Encoder,
    unescape_html: bool = False,
    case_sensitive: bool = False,
    positive: str | None = None,
    dropped_classes: tuple[str, ...] | None = None,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Table:
    """Encode the texts, or leave that to each seed where the encoder must be fitted first."""
    texts = labelled.texts
    if unescape_html:  # before texts are compared, so that both spellings count as one
        texts = [html.unescape(text) for text in texts]
    unescaped = {"texts_unescaped_from_html": sum(map(str.__ne__, texts, labelled.texts))} if unescape_html else {}
    labels = label_numbers(labelled.labels, classes)
    groups = group_numbers(normalise(text, case_sensitive=case_sensitive) for text in texts)
    preparation = FittedTexts(encoder) if isinstance(encoder, FittedEncoder) else None
    features, encode = np.empty((len(texts), 0), dtype=np.float32), None
    if not isinstance(encoder, FittedEncoder):
        features, encode = encode_cached(encoder, texts, progress), partial(encode_cached, encoder)
    duplicates = {"exact_duplicates": len(texts) - len(set(texts))}
    look_alikes = look_alike_texts(texts, groups, case_sensitive=case_sensitive)
    of_encoder = counts_of(encoder, texts) | unescaped
    labelled = replace(labelled, notes=(*labelled.notes, *notes_on_cut(of_encoder, len(texts))))
    return Table(
        name=name,
        digest=digest,
        features=features,
        labels=labels,
        classes=classes,
        groups=groups,
        texts=tuple(texts),
        counts={**count_rows(labels, groups, classes), **duplicates, **labelled.counts, **of_encoder}
        | ({"look_alike_texts": len(look_alikes)} if look_alikes else {}),
        notes=(
            *notes,
            *labelled.notes,
            *_of_look_alikes(texts, look_alikes),
            *equal_classes_note(labels, classes, positive),
        ),
        encode=encode,
        preparation=preparation,
        made_with={"encoder": encoder.name, **labelled.made_with, **(LOOK_ALIKES if look_alikes else {})},
        positive_class=positive,
        dropped_classes=dropped_classes,
    )


@dataclass(frozen=True)
class FittedTexts:
    """The preparation of texts whose encoder learns from a seed's training texts."""

    encoder: FittedEncoder

    @property
    def inputs(self) -> NetworkInputs:
        return self.encoder.inputs

    def fit(self, table: Table, train: np.ndarray) -> Prepared:
        texts = table.texts or ()
        encode = self.encoder.fit([texts[row] for row in train])
        return Prepared(encode(texts, None), encode)


def _of_look_alikes(texts: Sequence[str], rows: Sequence[int]) -> list[str]:
    if not rows:
        return []
    what = next((f" (such as {unseen[0]} in text {row + 1})" for row in rows if (unseen := unseen_in(texts[row]))), "")
    return [
        f"{rows_of(len(rows))} with a text that looks like that of another row and has other characters{what}: kept on one "
        "side of a split with it."
    ]


def _named(records: Records) -> tuple[str, ...]:
    unnamed = records.unnamed()
    return tuple(column for at, column in enumerate(records.columns) if at not in unnamed)


def _places(records: Records, text: str | None, label: str | None) -> tuple[int, int]:
    """Positions of the columns of text and label."""
    if text is not None and label is None and records.target is not None:
        text_at = records.position(text, "data.text")
        if text_at != records.target.at:
            return text_at, records.target.at
    if text is None or label is None:
        missing = [key for key, name in (("data.text", text), ("data.label", label)) if name is None]
        raise ConfigError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: name the columns of {records.path} that hold text and label, as in "
            f"data.text=COLUMN data.label=COLUMN. Its columns are {records.listed()}."
        )
    if text == label:
        raise ConfigError(f"data.text and data.label are both {text}: name two columns of {records.listed()}.")
    return records.position(text, "data.text"), records.position(label, "data.label")


def _overflow(records: Records, text_at: int) -> list[int]:
    """The columns without a name that follow the text, where nothing else does."""
    rest = list(range(text_at + 1, len(records.columns)))
    return rest if set(rest) <= set(records.unnamed()) else []
