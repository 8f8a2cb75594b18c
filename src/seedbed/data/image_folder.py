"""Anyone's pictures: a folder with one subfolder a class, or with such folders for training, validation and tests.

Or a folder of pictures whose targets stand in a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image, ImageOps

from seedbed.checks import is_whole as is_count
from seedbed.checks import require, require_choice
from seedbed.data import sources
from seedbed.data.labels import LabelRules, look_alikes
from seedbed.data.numbers import MissingValues, check_decimal
from seedbed.data.outcomes import Outcomes
from seedbed.data.picture_targets import ListedTargets, TargetFile
from seedbed.data.pictures import is_whole, keep, kept, picture_table
from seedbed.data.published_splits import TEST, TRAIN, VAL
from seedbed.data.table import Progress, Table, rows_of
from seedbed.data.targets import check_one_of
from seedbed.errors import ConfigError, DataError, check_storable, readable
from seedbed.paths import expanded

PARTS = {"train": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "test": TEST}
"""Names of folders that hold a part of the pictures, in folders of their classes."""
FITS, COLOURS = ("crop", "pad", "stretch"), {"rgb": "RGB", "grey": "L"}
MOST_PIXELS = 10_000
"""Of a side; a number beyond is a mistake, and would fill the disk."""
SHOWN = 5
"""Files that an error names."""


@dataclass(frozen=True)
class Look:
    """What every picture is made into; the fields are keys of the data config."""

    height: int
    width: int
    fit: str
    colours: str

    def of(self, path: Path) -> np.ndarray:
        """The picture in a file, (C, height, width) uint8; raises ``ValueError`` or ``OSError`` where it holds none."""
        with Image.open(path) as opened:
            picture = _in_mode(ImageOps.exif_transpose(opened), COLOURS[self.colours])
        size = (self.width, self.height)
        if picture.size != size:
            picture = self._resized(picture, size)
        pixels = np.asarray(picture, dtype=np.uint8)
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def _resized(self, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
        if self.fit == "stretch":
            return picture.resize(size, Image.Resampling.BILINEAR)
        fitted = ImageOps.fit if self.fit == "crop" else ImageOps.pad
        return fitted(picture, size, method=Image.Resampling.BILINEAR)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(Image.new(COLOURS[self.colours], (1, 1)).getbands()), self.height, self.width

    def describe(self) -> str:
        how = {
            "crop": "scaled to fill that, with the excess cropped evenly",
            "pad": "scaled to lie in that, with black bars",
            "stretch": "stretched to that, whatever their shape",
        }[self.fit]
        return f"Pictures of {self.height} x {self.width} pixels, {self.colours}; others are {how} (bilinear)."


@dataclass(frozen=True)
class PictureFile:
    """A picture file: its path, class and part."""

    path: Path
    label: str
    """"" where it has a target."""
    part: int


class ImageFolder:
    """A folder of pictures as a table; nothing is read before ``load``."""

    def __init__(
        self,
        *,
        path: str | None = None,
        targets: str | None = None,
        target: str | int | None = None,
        file: str | int | None = None,
        decimal: str = "point",
        missing_values: Sequence[Any] | None = None,
        size: Sequence[int] = (32, 32),
        fit: str = "crop",
        colours: str = "rgb",
        bad_files: str = "error",
        positive: Any = None,
    ) -> None:
        """The arguments are the keys of ``conf/data/image_folder.yaml``. Raises ``ConfigError``."""
        if not path:
            raise ConfigError("data.path is not set: name a folder with one subfolder of pictures for each class.")
        self.path = expanded(path)
        two = isinstance(size, Sequence) and len(size) == 2 and all(map(is_count, size)) and max(size) <= MOST_PIXELS
        wanted = f"height and width in pixels, at most {MOST_PIXELS} each, such as [32,32]"
        require(two, "data.size", size, wanted)
        require_choice("data.fit", fit, FITS)
        require_choice("data.colours", colours, COLOURS)
        require_choice("data.bad_files", bad_files, ("error", "drop"))
        self.look = Look(size[0], size[1], fit, colours)
        self.bad_files = bad_files
        self.rules = LabelRules(positive=positive)
        check_one_of(None, None if target is None else str(target), {"positive": positive})
        check_decimal(decimal)
        self.targets = _target_file(targets, target, file, decimal, MissingValues(missing_values))

    def load(self, progress: Progress | None = None) -> Table:
        """Read the pictures, once: what they have become is kept in the cache. Raises ``ConfigError``, ``DataError``."""
        listed = self.targets.read(self.path) if self.targets is not None and self.path.is_dir() else None
        files, passed_over = self._found() if listed is None else (self._listed(listed), [])
        digest = self._digest(files)
        decoder = f"Pillow {PIL.__version__}"
        key = json.dumps([digest, asdict(self.look), decoder], sort_keys=True)
        stored = kept(f"folder-{hashlib.sha256(key.encode()).hexdigest()[:16]}")
        bad = self._read(stored, files, progress)
        readable_ones = np.array([self._name(file) not in bad for file in files], dtype=bool)
        files = [file for file, is_picture in zip(files, readable_ones, strict=True) if is_picture]
        if listed is None:
            classes = self._classes(files)
            positive = self.rules.positive_class(classes, f"{self.path}")
            outcomes = Outcomes.of_labels([file.label for file in files], classes, positive)
        else:
            outcomes = Outcomes.of_targets(listed.targets.of_rows(np.flatnonzero(readable_ones)))
            digest = _with_targets(digest, listed.targets.values)
        in_parts = any(file.part != TRAIN for file in files)
        parts = np.array([file.part for file in files], dtype=np.int8)
        first = next(iter(bad.items()), ("", ""))
        notes = [self.look.describe(), *(() if listed is None else listed.notes)]
        if in_parts:
            sizes = ", ".join(f"{name} {int((parts == side).sum())}" for name, side in _sides(parts))
            notes.append(
                f"The folder has parts of its own: {sizes}. split=official keeps to them; others draw from all."
            )
        if bad:
            notes.append(
                f"{rows_of(len(bad))} left out: no readable picture (first: {readable(first[0])}, {first[1]})."
            )
        notes += look_alikes([file.label for file in files], "to join them, move their pictures into one folder.")
        if passed_over:
            notes.append(
                f"{len(passed_over)} other files skipped, as their names are not those of pictures (first: {readable(passed_over[0])})."
            )
        return picture_table(
            stored,
            name=self.path.resolve().name,
            digest=digest,
            outcomes=outcomes,
            parts=parts if in_parts else None,
            counts=({"dropped_bad_files": len(bad)} if bad else {}) | ({} if listed is None else listed.counts),
            notes=notes,
            made_with={"pictures": decoder},
        )

    # ---- files ---------------------------------------------------------------------------------------------------

    def _listed(self, listed: ListedTargets) -> list[PictureFile]:
        """The pictures that have targets; in parts where each lies in a folder of one, and some of them are to train."""
        if not listed.names:
            return []
        sides = [PARTS.get(name.partition("/")[0].lower()) if "/" in name else None for name in listed.names]
        in_parts = None not in sides and TRAIN in sides
        return [
            PictureFile(self.path / name, "", side if in_parts and side is not None else TRAIN)
            for name, side in zip(listed.names, sides, strict=True)
        ]

    def _found(self) -> tuple[list[PictureFile], list[str]]:
        """All picture files in their order, and names of files that are none."""
        if not self.path.is_dir():
            what = "is a file" if self.path.exists() else "is not there"
            raise DataError(
                f"data.path={self.path} {what}. Name a folder with one subfolder of pictures for each class."
            )
        folders = _folders(self.path)
        parts = [folder for folder in folders if folder.name.lower() in PARTS and _folders(folder)]
        known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
        all_pictures: list[PictureFile] = []
        passed_over: list[str] = []
        if any(PARTS[part.name.lower()] == TRAIN for part in parts):
            self._check_no_other(folders, parts)
            self._check_parts(parts)
            groups = [(PARTS[part.name.lower()], folder) for part in parts for folder in _folders(part)]
        else:
            groups = [(TRAIN, folder) for folder in folders]
        for part, folder in groups:
            files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_hidden(path, folder)]
            pictures = [path for path in files if path.suffix.lower() in known]
            passed_over += [str(path.relative_to(self.path)) for path in files if path.suffix.lower() not in known]
            if not pictures:
                raise DataError(
                    f"{folder} is where a class should be, but holds no picture ({len(files)} other files). Put its pictures "
                    "there, or remove the folder."
                )
            all_pictures += [PictureFile(path, folder.name, part) for path in pictures]
        if not all_pictures:
            loose = sum(path.suffix.lower() in known for path in self.path.iterdir())
            raise DataError(
                f"data.path={self.path} has no folders of classes{f', and {loose} pictures in no folder' if loose else ''}. "
                "Put the pictures of each class into a folder that has the name of the class."
            )
        return all_pictures, passed_over

    def _check_no_other(self, folders: Sequence[Path], parts: Sequence[Path]) -> None:
        """Beside a training part with folders of classes, a folder that is no such part has no place."""
        if other := [folder for folder in folders if folder not in parts]:
            what = "holds no folders of classes" if other[0].name.lower() in PARTS else "is no published part"
            training = next(part.name for part in parts if PARTS[part.name.lower()] == TRAIN)
            raise DataError(
                f"{self.path} has the training part {training}/, with a folder for each class, and {other[0].name}/, "
                f"which {what}. Sort its pictures into folders of classes, or move it away."
            )

    def _check_parts(self, parts: Sequence[Path]) -> None:
        """Raise ``DataError`` where a part is there twice, or a class has test pictures only."""
        sides = [PARTS[part.name.lower()] for part in parts]
        if len(set(sides)) < len(sides):
            names = ", ".join(part.name for part in parts)
            raise DataError(f"{self.path} has several folders for one part ({names}). Join them, or rename one.")
        trained = {folder.name for part in parts if PARTS[part.name.lower()] == TRAIN for folder in _folders(part)}
        for part in parts:
            if other := sorted({folder.name for folder in _folders(part)} - trained):
                raise DataError(
                    f"{part} has the class {other[0]!r}, which the training part lacks. Its classes are "
                    f"{', '.join(sorted(trained))}. Put pictures of it into the training part, or move that folder away."
                )

    def _classes(self, files: Sequence[PictureFile]) -> tuple[str, ...]:
        classes = tuple(sorted({file.label for file in files}))
        for label in classes:
            check_storable(f"{self.path}: the folder '{label}' of a class", label)
        if len(classes) < 2:
            raise DataError(
                f"{self.path} holds one class only, {', '.join(classes)}. There must be a folder for each of two or more."
            )
        return classes

    def _digest(self, files: Sequence[PictureFile]) -> str:
        """SHA-256 of the files' names, in the folder, and contents."""
        try:
            lines = [f"{sources.sha256(file.path)}  {self._name(file)}\n" for file in files]
        except OSError as error:
            raise DataError(f"{error.filename} cannot be read: {error.strerror}. Check its permissions.") from error
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()

    def _name(self, file: PictureFile) -> str:
        return file.path.relative_to(self.path).as_posix()

    # ---- pictures ------------------------------------------------------------------------------------------------

    def _read(self, stored: Path, files: Sequence[PictureFile], progress: Progress | None) -> dict[str, str]:
        """Fill the file ``stored``, unless it is there; returns why files are no pictures, by their names."""
        beside = stored.with_suffix(".json")
        bad: dict[str, str] = {}
        if is_whole(stored) and beside.is_file():
            bad = json.loads(beside.read_text())
        else:
            keep(stored, (len(files), *self.look.shape), lambda whole: self._fill(whole, files, bad, progress))
            sources.write_atomically(beside, partial(_write_json, bad))
        if bad and self.bad_files == "error":
            listed = "; ".join(f"{readable(name)} ({why})" for name, why in list(bad.items())[:SHOWN])
            more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
            raise DataError(
                f"{self.path}: {len(bad)} of {len(files)} files are not readable pictures: {listed}{more}. Fix or remove "
                "them, or leave them out: data.bad_files=drop."
            )
        return bad

    def _fill(
        self, whole: np.ndarray, files: Sequence[PictureFile], bad: dict[str, str], progress: Progress | None
    ) -> int:
        count = 0
        for number, file in enumerate(files, 1):
            try:
                whole[count] = self.look.of(file.path)
                count += 1
            except Exception as error:  # whatever a decoder raises, the file is no picture that can be read
                bad[self._name(file)] = _reason(file.path, error)
            if progress is not None:
                progress(number, len(files))
        if count == 0:
            raise DataError(
                f"{self.path}: none of {len(files)} files is a readable picture ({next(iter(bad.items()))})."
            )
        return count


def _target_file(
    targets: str | None, target: str | int | None, file: str | int | None, decimal: str, missing: MissingValues
) -> TargetFile | None:
    """The file of targets, where one is named; raises ``ConfigError`` for one setting without the other."""
    given = {"data.targets": targets, "data.target": target}
    absent = [key for key, value in given.items() if value is None]
    if len(absent) == 1 or (absent and file is not None):
        there = next((key for key, value in {**given, "data.file": file}.items() if value is not None), "")
        raise ConfigError(
            f"{there} is set and {absent[0]} is not: targets of pictures stand in a file, as in data.targets=ages.csv "
            "data.target=age."
        )
    if targets is None:
        return None
    return TargetFile(expanded(targets), str(target), None if file is None else str(file), decimal, missing)


def _with_targets(digest: str, targets: np.ndarray) -> str:
    """The digest of pictures and their targets (N,)."""
    return hashlib.sha256(f"{digest} {targets.tolist()}".encode()).hexdigest()


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _sides(parts: np.ndarray) -> list[tuple[str, int]]:
    return [(name, side) for name, side in (("train", TRAIN), ("val", VAL), ("test", TEST)) if (parts == side).any()]


def _write_json(content: Mapping[str, str], path: Path) -> None:
    path.write_text(json.dumps(content))


def _reason(path: Path, error: Exception) -> str:
    if path.stat().st_size == 0:
        return "0 bytes"
    if isinstance(error, PIL.UnidentifiedImageError):
        return "no format that Pillow knows"
    return " ".join(str(error).split())[:100] or type(error).__name__


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in 8 bits a channel; raises ``ValueError`` for one whose values have no known range."""
    if picture.mode == "F":
        raise ValueError("floating-point pixels, whose white is not known")
    if picture.mode.startswith("I"):  # 16 bits, which convert() would cut off at 255
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("pixels of more than 16 bits")
        if 0 < values.max() < 0x1000:  # 12 bits or fewer in 16: scaled as 16, they would be black
            raise ValueError(
                f"pixels of 16 bits up to {values.max()} only, whose white is not known; save it with 8 bits"
            )
        return Image.fromarray((values // 257).astype(np.uint8)).convert(mode)
    if picture.has_transparency_data:
        solid = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", solid.size, "white"), solid).convert(mode)
    return picture.convert(mode)
