"""Texts with labels or targets from a file, and the table that they and an encoder make."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from seedbed.data.encoders import Encoder, FittedEncoder, FittedTexts, notes_on_cut
from seedbed.data.encoding_cache import counts_of, encode_cached
from seedbed.data.files.records import Reading, Records, open_records
from seedbed.data.labels import LabelRules, Labels
from seedbed.data.numbers import MissingValues
from seedbed.data.outcomes import Outcomes
from seedbed.data.table import (
    Progress,
    Table,
    count_notes,
    group_numbers,
    look_alike_texts,
    normalise,
    rows_of,
)
from seedbed.data.targets import Targets, read_targets
from seedbed.data.text_forms import LOOK_ALIKES, seen, unseen_in
from seedbed.errors import ConfigError

# Files of this shape are known without being told their columns: the SMS Spam Collection's, as it is copied around.
KNOWN_COLUMNS = (("v1", "v2"), ("Category", "Message"))
KNOWN_LABELS = ("ham", "spam")


@dataclass(frozen=True)
class LabelledTexts:
    """N texts with their labels or targets, as one file holds them."""

    texts: list[str]
    labels: list[str]
    """[] where there are targets."""
    place: str
    """The column of labels or targets, for errors."""
    counts: dict[str, int]
    """``rows_in_file``, and what was dropped or joined where there was any."""
    notes: tuple[str, ...]
    """How the file was read, and a sentence for each of those counts."""
    made_with: dict[str, str] = field(default_factory=dict)
    """For ``Table.made_with``, beside the encoder."""
    targets: Targets | None = None


@dataclass(frozen=True)
class TargetColumn:
    """Which column holds targets, and how its numbers are written."""

    name: str
    decimal: str = "point"
    missing: MissingValues = field(default_factory=MissingValues)


def read_texts(
    path: Path,
    reading: Reading,
    text: str | None = None,
    label: str | None = None,
    rules: LabelRules | None = None,
    target: TargetColumn | None = None,
) -> LabelledTexts:
    """Read the columns ``text`` and ``label``, which may be None where the file's shape is known; or ``text`` and ``target``.

    Columns without a name that follow the text hold text which an unquoted delimiter cut off: they are joined to it
    again. Rows without text, label or target are dropped. Raises ``ConfigError`` and ``DataError``.
    """
    outcome = label if target is None else target.name
    records = open_records(path, reading, [name for name in (text, outcome) if name is not None])
    if text is None and outcome is None:
        if len(records.columns) == 2 and records.columns[0] in KNOWN_LABELS:  # no header: the first line is a record
            records = open_records(path, replace(reading, header=False))
            outcome, text = records.columns
        elif (named := _named(records)) in KNOWN_COLUMNS:
            outcome, text = named
    key = "data.label" if target is None else "data.target"
    said = records.target_notes(key) if outcome is None else []
    text_at, outcome_at = _places(records, text, outcome, key)
    overflow = _overflow(records, text_at)
    labels, texts, *cut_off = records.strings([outcome_at, text_at, *overflow])
    joined = 0
    for row, parts in enumerate(zip(*cut_off, strict=True)):
        if any(parts):
            filled = max(at for at, part in enumerate(parts) if part)
            texts[row] = records.delimiter.join([texts[row], *parts[: filled + 1]])
            joined += 1
    place = f"{path}: column {records.columns[outcome_at]!r} ({key})"
    read: Labels | Targets = (
        (rules or LabelRules()).settled(labels, place) if target is None else _targets(records, target)
    )
    without_text = np.array([not seen(value) for value in texts], dtype=bool)
    without_outcome = read.absent & ~without_text
    kept = np.flatnonzero(~(without_text | without_outcome | read.left_out))
    counts = {
        "dropped_bad_lines": records.dropped,
        "dropped_without_text": int(without_text.sum()),
        f"dropped_without_{read.what}": int(without_outcome.sum()),
        "joined_overflow": joined,
    }
    unseen_only = any(without_text[row] and value.strip() for row, value in enumerate(texts))
    return LabelledTexts(
        texts=[texts[row] for row in kept],
        labels=[] if isinstance(read, Targets) else [read.names[row] for row in kept],
        place=place,
        counts={
            "rows_in_file": len(texts) + records.dropped,
            **{what: rows for what, rows in counts.items() if rows},
            **read.counts,
            **records.counts,
        },
        notes=(
            *records.notes,
            *said,
            *count_notes(counts, records.first_dropped),
            *_of_missing(read, target),
            *read.notes,
        ),
        made_with={**records.made_with, **read.made_with, **(LOOK_ALIKES if unseen_only else {})},
        targets=read.of_rows(kept) if isinstance(read, Targets) else None,
    )


def _targets(records: Records, column: TargetColumn) -> Targets:
    return read_targets(records, column.name, column.decimal, column.missing)


def _of_missing(read: Labels | Targets, column: TargetColumn | None) -> list[str]:
    return column.missing.notes(read.named_missing) if column is not None and isinstance(read, Targets) else []


def text_table(
    labelled: LabelledTexts,
    *,
    name: str,
    digest: str,
    classes: tuple[str, ...] = (),
    encoder: Encoder,
    unescape_html: bool = False,
    case_sensitive: bool = False,
    positive: str | None = None,
    dropped_classes: tuple[str, ...] | None = None,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Table:
    """Encode the texts, or leave that to each seed where the encoder must be fitted first.

    ``classes`` are those of the labels. Raises ``DataError`` where all targets are the same.
    """
    texts = labelled.texts
    if unescape_html:  # before texts are compared, so that both spellings count as one
        texts = [html.unescape(text) for text in texts]
    unescaped = {"texts_unescaped_from_html": sum(map(str.__ne__, texts, labelled.texts))} if unescape_html else {}
    if labelled.targets is None:
        outcomes = Outcomes.of_labels(labelled.labels, classes, positive, dropped_classes)
    else:
        outcomes = Outcomes.of_targets(labelled.targets)
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
        groups=groups,
        texts=tuple(texts),
        counts={**outcomes.counts(groups), **duplicates, **labelled.counts, **of_encoder}
        | ({"look_alike_texts": len(look_alikes)} if look_alikes else {}),
        notes=(
            *notes,
            *labelled.notes,
            *_of_look_alikes(texts, look_alikes),
            *outcomes.notes,
        ),
        encode=encode,
        preparation=preparation,
        made_with={"encoder": encoder.name, **labelled.made_with, **(LOOK_ALIKES if look_alikes else {})},
        **outcomes.fields,
    )


def _of_look_alikes(texts: Sequence[str], rows: Sequence[int]) -> list[str]:
    if not rows:
        return []
    what = next((f" (such as {unseen[0]} in text {row + 1})" for row in rows if (unseen := unseen_in(texts[row]))), "")
    return [
        f"{rows_of(len(rows))} with a text that looks like that of another row but has different characters{what}: kept on one "
        "side of a split with it."
    ]


def _named(records: Records) -> tuple[str, ...]:
    unnamed = records.unnamed()
    return tuple(column for at, column in enumerate(records.columns) if at not in unnamed)


def _places(records: Records, text: str | None, outcome: str | None, key: str) -> tuple[int, int]:
    """Positions of the columns of text, and of the label or target, which ``key`` names."""
    if text is not None and outcome is None and records.target is not None:
        text_at = records.position(text, "data.text")
        if text_at != records.target.at:
            return text_at, records.target.at
    if text is None or outcome is None:
        missing = [each for each, name in (("data.text", text), (key, outcome)) if name is None]
        raise ConfigError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: name the columns of {records.path} that hold text and "
            f"{key.removeprefix('data.')}, as in data.text=COLUMN {key}=COLUMN. Its columns are {records.listed()}."
        )
    if text == outcome:
        raise ConfigError(f"data.text and {key} are both {text}: name two columns of {records.listed()}.")
    return records.position(text, "data.text"), records.position(outcome, key)


def _overflow(records: Records, text_at: int) -> list[int]:
    """The columns without a name that follow the text, where nothing else does."""
    rest = list(range(text_at + 1, len(records.columns)))
    return rest if set(rest) <= set(records.unnamed()) else []
