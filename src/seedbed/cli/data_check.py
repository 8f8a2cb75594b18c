"""What is found in a file of one's own before anything is trained on it: ``seedbed data check FILE``."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from seedbed.config.override_grammar import in_grammar, parse
from seedbed.data.column_kinds import COMMA, FileColumn, column, cut
from seedbed.data.encoders import TfidfEncoder
from seedbed.data.feature_csv import FeatureCsv
from seedbed.data.files.records import Reading, Records, Target, open_records
from seedbed.data.image_folder import ImageFolder
from seedbed.data.labels import MOST_CLASSES
from seedbed.data.numbers import number
from seedbed.data.ratings import RatingTable
from seedbed.data.ratings_csv import RatingsCsv
from seedbed.data.splits import TO_ALLOW, classes_of_few, leave_out
from seedbed.data.table import Table, rows_of
from seedbed.data.text_csv import TextCsv
from seedbed.errors import ConfigError, DataError, near_misses
from seedbed.quoting import override
from seedbed.report.render.terminal import aligned

SIDES = 3
"""A split has rows for training, validation and test."""
FEWEST_NAMES = 3
"""A column of users or items has more values than the two of most columns of labels."""
MOST_COLUMNS = 40
"""Columns that are shown, half of them the first ones, the others the last."""


@dataclass(frozen=True)
class Use:
    """A way to train on one's own data."""

    data: str
    """The choice of the config group ``data``."""
    what: str
    kind: type
    needs: tuple[str, ...]
    """The keys without which it says nothing."""
    experiment: tuple[str, ...]
    """That trains on it, with what else is typed."""


USES = (
    Use("text_csv", "labelled texts", TextCsv, ("text", "label"), ("text_imbalance",)),
    Use("text_csv", "texts with targets", TextCsv, ("text", "target"), ("feature_regression", "data=text_csv")),
    Use("ratings_csv", "ratings", RatingsCsv, ("user", "item"), ("ratings",)),
    Use("feature_csv", "rows of numbers", FeatureCsv, ("label",), ("feature_imbalance",)),
    Use("feature_csv", "rows of numbers with targets", FeatureCsv, ("target",), ("feature_regression",)),
)
PICTURES = Use("image_folder", "pictures", ImageFolder, (), ("image_imbalance",))
PICTURES_WITH_TARGETS = Use(
    "image_folder",
    "pictures with targets",
    ImageFolder,
    ("targets", "target"),
    ("image_regression",),
)
READING = tuple(each.name for each in fields(Reading))


def check_file(path: Path, settings: Sequence[str] = ()) -> Iterator[str]:
    """Say, line by line, what is in a file, and what data made of it with these settings would hold and leave out.

    ``settings`` are ``KEY=VALUE`` with the keys of the data configs, with or without ``data.`` before them;
    ``data=text_csv``, or another choice, says what the file is taken for. Without settings that name columns, the
    file's columns alone are described. Raises ``ConfigError`` and ``DataError``, after what can be said.
    """
    chosen, given = _given(settings)
    if path.is_dir():
        _refuse_others(PICTURES, given, f"{path} is a folder, as of {PICTURES.what}, which")
        yield from _made(PICTURES_WITH_TARGETS if "target" in given else PICTURES, path, given, settings)
        return
    use = _use(chosen, given)
    reading = Reading(**{key: value for key, value in given.items() if key in READING})
    names = [
        str(given[key]) for key in ("text", "label", "target", "user", "item", "rating", "timestamp") if given.get(key)
    ]
    records, fault = _opened(path, reading, names)
    columns = [column(name, strings) for name, strings in zip(records.columns, _strings(records), strict=True)]
    if fault is not None:
        yield "As it stands, training refuses the file, for the reason below. With data.bad_lines=drop it would be this:"
    yield from _of_records(records, columns)
    if fault is not None:
        raise fault
    left_out = [str(name) for name in given.get("exclude") or ()]
    texts = [each for each in columns if each.could_be_texts and each.name not in left_out]
    if use is None or (use.kind is FeatureCsv and chosen is None and texts):
        yield from _of_classes(columns)
        yield from _proposals(path, columns, settings, given, records.target)
    else:
        yield from _made(use, path, given, settings, records.notes)


# ---- settings --------------------------------------------------------------------------------------------------------


def _given(settings: Sequence[str]) -> tuple[str | None, dict[str, Any]]:
    """The choice of data, where one is named, and the settings by their keys."""
    for text in settings:
        if "=" not in text:
            raise ConfigError(f"{text!r} is not a setting: write KEY=VALUE, such as text=body label=stars.")
    written = [text if text.startswith(("data.", "data=")) else f"data.{text}" for text in settings]
    given, chosen = {}, None
    for item in parse(in_grammar(written)):
        if item.key_or_group == "data":
            chosen = str(item.value())
        else:
            given[item.key_or_group.removeprefix("data.")] = _plain(item.value())
    known = {key for use in (*USES, PICTURES) for key in _keys(use)}
    for key in given:
        if key.partition(".")[0] not in known:
            raise ConfigError(f"{key}: data of your own have no such setting, {near_misses(key, known)}")
    return chosen, given


def _plain(value: Any) -> Any:
    """A value as a config has it, where ``\\${`` is ``${``."""
    return OmegaConf.to_container(OmegaConf.create([value]), resolve=True)[0]  # type: ignore[index]


def _refuse_others(use: Use, given: Mapping[str, Any], what: str) -> None:
    """Raise ``ConfigError`` for a setting that these data do not have."""
    if others := [key for key in given if key.partition(".")[0] not in _keys(use)]:
        raise ConfigError(f"{', '.join(others)}: {what} has no such setting. Leave it out, or name another file.")


def _keys(use: Use) -> set[str]:
    named = set(inspect.signature(use.kind).parameters) - {"reading", "path"}
    return named | (set(READING) if use is not PICTURES else set())


def _use(chosen: str | None, given: Mapping[str, Any]) -> Use | None:
    """The use that the choice names, or the first that has all the keys that it needs; None where there is none."""
    if chosen is not None:
        named = sorted((use for use in USES if use.data == chosen), key=lambda use: not _has_needs(use, given))
        if not named:
            raise ConfigError(
                f"data={chosen}: not a choice for a file, {near_misses(chosen, [use.data for use in USES])}"
            )
        _refuse_others(named[0], given, f"data={chosen}")
        return named[0]
    fitting = [use for use in USES if set(given) - {key for key in given if "." in key} <= _keys(use)]
    if not fitting:
        raise ConfigError(
            f"{', '.join(given)}: no kind of data of your own has all of these settings. Leave some of them out."
        )
    return next((use for use in fitting if _has_needs(use, given)), None)


def _has_needs(use: Use, given: Mapping[str, Any]) -> bool:
    return all(given.get(key) is not None for key in use.needs)


# ---- the file --------------------------------------------------------------------------------------------------------


def _opened(path: Path, reading: Reading, names: Sequence[str]) -> tuple[Records, DataError | None]:
    """The records, and the error that training would meet, where it is one that leaving records out would mend."""
    try:
        return open_records(path, reading, names), None
    except DataError as error:
        if reading.drops:
            raise
        try:
            return open_records(path, replace(reading, bad_lines="drop"), names), error
        except DataError:
            raise error from None


def _strings(records: Records) -> list[list[str]]:
    return records.strings(list(range(len(records.columns))))


def _of_records(records: Records, columns: Sequence[FileColumn]) -> Iterator[str]:
    yield f"{records.path.name}: {_count(columns[0].rows, 'record')} of {_count(len(columns), 'column')}"
    yield from records.notes
    if records.dropped:
        yield f"{rows_of(records.dropped)} that cannot be read, and why:"
        yield from (f"  {said}" for said in records.found.dropped_sentences())
    yield ""
    shown = list(columns)
    if len(columns) > MOST_COLUMNS:
        shown = [*columns[: MOST_COLUMNS // 2], *columns[-MOST_COLUMNS // 2 :]]
    rows = [
        [_name(each), each.kind, str(each.rows - each.values), str(len(each.counts)), each.examples()] for each in shown
    ]
    yield aligned([["column", "taken for", "without a value", "distinct", "such as"], *rows])
    if len(shown) < len(columns):
        yield f"({len(columns) - len(shown)} columns between them are left out here.)"
    sentences = [*_of_header(records), *(sentence for each in columns for sentence in _of_column(each))]
    if sentences:
        yield ""
        yield from sentences


def _of_header(records: Records) -> Iterator[str]:
    numbers = [name for name in records.columns if number(name) is not None]
    if records.found.header and 2 * len(numbers) > len(records.columns):
        yield (
            f"The names of the columns are numbers, such as {numbers[0]!r}: where the first line is a record, set "
            "header=false."
        )


def _of_column(of_file: FileColumn) -> Iterator[str]:
    """What catches the eye in one column."""
    if of_file.others:
        shown = ", ".join(repr(cut(value)) for value in of_file.others[:3])
        times = sum(of_file.counts[value] for value in of_file.others)
        yield f"{_name(of_file)}: {_count(times, 'value')} of another kind than {of_file.kind}: {shown}."
    if of_file.unseen:
        yield f"{_name(of_file)} holds invisible characters: {', '.join(of_file.unseen[:5])}. Values that differ in nothing else count as equal."


def _of_classes(columns: Sequence[FileColumn]) -> Iterator[str]:
    """Which values look alike, in columns that could hold labels."""
    yield from (f"{_name(each)}: {sentence}" for each in columns for sentence in each.look_alikes)


def _name(of_file: FileColumn) -> str:
    return repr(of_file.name) if of_file.name else "(no name)"


# ---- what is made of it ----------------------------------------------------------------------------------------------


def _made(
    use: Use, path: Path, given: Mapping[str, Any], settings: Sequence[str], said: Sequence[str] = ()
) -> Iterator[str]:
    """What training would see, and the notes on it that are not ``said``."""
    arguments = {key: value for key, value in given.items() if "." not in key and key != "encoder"}
    if of_columns := {key.partition(".")[2]: value for key, value in given.items() if key.startswith("columns.")}:
        arguments["columns"] = {**arguments.get("columns", {}), **of_columns}
    if use.kind is TextCsv:
        arguments["encoder"] = TfidfEncoder()  # it encodes nothing before a seed is trained
    table: Table | RatingTable = use.kind(path=str(path), **arguments).load()
    yield ""
    yield f"As {use.what} (data={use.data}): {_size(table)}."
    yield from (note for note in table.notes if note not in said)
    if isinstance(table, Table) and len(table.classes) == 2:
        chosen = "data.positive" if table.positive_class is not None else "data.positive chooses"
        yield f"Precision, recall and F1 are those of {table.classes[table.positive]!r} ({chosen})."
    if isinstance(table, Table) and table.targets is None and (few := classes_of_few(table, SIDES)):
        names = ", ".join(map(repr, few))
        yield (
            f"{_count(len(few), 'class')} of fewer than {SIDES} distinct rows ({names}) can't be on all sides of a split, which "
            f"training refuses. {leave_out(table, few)} {TO_ALLOW}"
        )
    yield ""
    yield f"Train on it: {_command(use, path, settings)}"


def _size(table: Table | RatingTable) -> str:
    counts = table.counts
    if isinstance(table, RatingTable):
        least, greatest = table.rating_range
        return (
            f"{rows_of(len(table.ratings))} of {_count(len(table.user_names), 'user')} and "
            f"{_count(len(table.item_names), 'item')}, ratings from {least:g} to {greatest:g}"
        )
    said = [rows_of(counts["rows"])]
    classes = ", ".join(f"{counts[f'rows_{name}']} {name!r}" for name in table.classes)
    if table.targets is None:
        said = [f"{rows_of(counts['rows'])}: {classes}"]
    if counts["duplicates"]:
        said.append(f"{rows_of(counts['duplicates'])} equal to others, which stay on their side of a split")
    if counts.get("label_conflicts"):
        said.append(f"{counts['label_conflicts']} of those sets have several labels")
    return "; ".join(said)


def _proposals(
    path: Path,
    columns: Sequence[FileColumn],
    settings: Sequence[str],
    given: Mapping[str, Any],
    target: Target | None,
) -> Iterator[str]:
    """What the columns could be, and the commands that look closer; ``target`` is the column of labels by the file itself."""
    labels = [each for each in columns if each.could_be_labels]
    ratings = []
    if target is not None and columns[target.at] in labels:
        labels = [columns[target.at]]
    else:
        ratings = list(_as_ratings(columns))
    proposals = [*_as_texts(columns, labels), *ratings, *_as_numbers(columns, labels, rated=bool(ratings))]
    yield ""
    if not proposals:
        yield (
            f"No column looks like labels, with 2 to {MOST_CLASSES} different values, each in several rows, beside one "
            "of texts or several of numbers. Name the columns: text=body label=stars, or user=customer item=product."
        )
    for what, keys in proposals:
        more = [override(key, value) for key, value in keys.items() if key not in given]
        yield f"It could be {what}: {shlex.join(['seedbed', 'data', 'check', str(path), *settings])} {' '.join(more)}"


Proposal = tuple[str, dict[str, str]]


def _as_texts(columns: Sequence[FileColumn], labels: Sequence[FileColumn]) -> Iterator[Proposal]:
    texts = [each for each in columns if each.could_be_texts]
    if not texts and len(columns) == 2:
        texts = [each for each in columns if each.kind == "text" and each not in labels]
    if labels and texts:
        yield "labelled texts", {"text": max(texts, key=lambda each: each.words).name, "label": _likely(labels).name}


def _as_ratings(columns: Sequence[FileColumn]) -> Iterator[Proposal]:
    names = [each for each in columns if each.could_be_names and len(each.counts) >= FEWEST_NAMES]
    if len(names) < 2 or any(each.could_be_texts for each in columns):
        return
    keys = {"user": names[0].name, "item": names[1].name}
    rest = [each for each in columns if each not in names[:2]]
    times = [each for each in rest if each.could_be_times]
    ratings = [each for each in rest if each.has_numbers and each not in times]
    if ratings:
        keys["rating"] = ratings[0].name
        if ratings[0].kind == COMMA:
            keys["decimal"] = "comma"
    if times:
        keys["timestamp"] = times[0].name
    yield "ratings", keys


def _as_numbers(columns: Sequence[FileColumn], labels: Sequence[FileColumn], *, rated: bool) -> Iterator[Proposal]:
    numbers = [each for each in columns if each.has_numbers and not (rated and each.could_be_names)]
    categories = [] if rated else [each for each in labels if each.kind == "text" and each is not _likely(labels)]
    if not labels or len(numbers) + len(categories) < 2 or any(each.could_be_texts for each in columns):
        return
    what = "rows of numbers and categories" if categories else "rows of numbers"
    yield what, {"label": _likely(labels).name}


def _likely(labels: Sequence[FileColumn]) -> FileColumn:
    """The column of labels: the one that is called so, else the one with the fewest values, of equals the last."""
    called = [each for each in labels if each.name.lower() in ("label", "class", "target", "y", "category")]
    return (called or sorted(labels, key=lambda each: -len(each.counts)))[-1]


def _command(use: Use, path: Path, settings: Sequence[str]) -> str:
    typed = [text if text.startswith(("data.", "data=")) else f"data.{text}" for text in settings]
    chosen = [text for text in use.experiment if text not in typed]
    return shlex.join(["seedbed", "run", *chosen, f"data.path={path}", *typed])


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 'es' if what.endswith('s') else 's'}"
