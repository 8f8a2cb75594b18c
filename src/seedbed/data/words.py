"""Texts as numbers of their words, by a vocabulary that is learnt from each seed's training texts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seedbed.checks import is_whole, require
from seedbed.data.encoders import CUT_AFTER, FittedEncoder
from seedbed.data.network_inputs import PADDING, UNKNOWN, NetworkInputs, Words
from seedbed.data.table import Progress, TextEncoder
from seedbed.errors import DataError

# Letters, also around an apostrophe; digits; or any other character by itself, so that "£1,000!!" is £ 1 , 000 ! !
MOST = 10_000_000
"""Words of a vocabulary, or of a text; a number beyond is a mistake."""
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[^\w\s]|_")
_DIGIT = re.compile(r"\d")


class WordEncoder(FittedEncoder):
    """The words of a text in their order, as numbers: (n, ``length``) int32, from the left, ``PADDING`` after the end.

    A word is a run of letters (an apostrophe between letters belongs to it), a run of digits, or any other single
    character that is no blank. The most frequent words of the training texts have numbers of their own, all others are
    ``UNKNOWN``.
    """

    def __init__(
        self,
        *,
        max_words: int = 5000,
        min_count: int = 2,
        length: int = 64,
        lowercase: bool = True,
        mask_digits: bool = True,
    ) -> None:
        """The most frequent ``max_words`` words that the training texts hold ``min_count`` times or more.

        Of a text's words the first ``length`` are taken. ``mask_digits`` makes each digit a 0, so that numbers of equal
        length are one word. Raises ``ConfigError``.
        """
        for key, value in (("max_words", max_words), ("min_count", min_count), ("length", length)):
            few = is_whole(value) and value <= MOST
            require(few, f"data.encoder.{key}", value, f"a whole number from 1 to {MOST}")
        self.max_words, self.min_count, self.length = max_words, min_count, length
        self.lowercase, self.mask_digits = lowercase, mask_digits

    @property
    def name(self) -> str:
        return "words-1"

    @property
    def dimensions(self) -> int:
        return self.length

    @property
    def inputs(self) -> NetworkInputs:
        return Words(self.max_words + 2, self.length)

    def counts(self, texts: Sequence[str]) -> dict[str, int]:
        return {f"{CUT_AFTER}{self.length}_words": sum(len(self.words(text)) > self.length for text in texts)}

    def words(self, text: str) -> list[str]:
        """All words of a text."""
        text = text.lower() if self.lowercase else text
        return _WORD.findall(_DIGIT.sub("0", text) if self.mask_digits else text)

    def fit(self, texts: Sequence[str]) -> TextEncoder:
        counted = Counter(word for text in texts for word in self.words(text))
        frequent = [word for word, count in counted.items() if count >= self.min_count]
        if not frequent:
            lower = "Lower data.encoder.min_count, or take" if self.min_count > 1 else "Take"
            raise DataError(
                f"data/encoder=words finds no word {self.min_count} times or more in the {len(texts)} training texts of a "
                f"seed. {lower} another encoder, such as data/encoder=use."
            )
        frequent.sort(key=lambda word: (-counted[word], word))  # not by the order of the texts
        return self._with(frequent[: self.max_words])

    def known(self, fitted: TextEncoder, texts: Sequence[str]) -> np.ndarray:
        return np.asarray((fitted(texts, None) > UNKNOWN).any(axis=1))

    def save(self, fitted: TextEncoder, folder: Path) -> None:
        assert isinstance(fitted, FittedWords)
        (folder / "words.json").write_text(json.dumps(list(fitted.numbers), ensure_ascii=False), encoding="utf-8")

    def load(self, folder: Path) -> TextEncoder:
        return self._with(json.loads((folder / "words.json").read_text(encoding="utf-8")))

    def _with(self, words: Sequence[str]) -> FittedWords:
        return FittedWords(self, {word: number for number, word in enumerate(words, UNKNOWN + 1)})


@dataclass(frozen=True)
class FittedWords:
    """A ``TextEncoder`` of ``WordEncoder``."""

    encoder: WordEncoder
    numbers: Mapping[str, int]
    """In the order of the words."""

    def __call__(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        rows = np.full((len(texts), self.encoder.length), PADDING, dtype=np.int32)
        for row, text in zip(rows, texts, strict=True):
            words = self.encoder.words(text)[: self.encoder.length]
            row[: len(words)] = [self.numbers.get(word, UNKNOWN) for word in words]
        if progress:
            progress(len(texts), len(texts))
        return rows
