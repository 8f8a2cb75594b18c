"""Text augmentation: changed copies of the rarest class's messages that a seed trains on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from seedbed.checks import is_whole, shown
from seedbed.data.table import normalise
from seedbed.errors import ConfigError
from seedbed.imbalance.augmenters import Augment, WordChanges, describe, name_of
from seedbed.imbalance.base import Encode, Resampled, Strategy, TrainingRows, check_asked_rows
from seedbed.imbalance.copies import COPIES, EMPTIED, UNCHANGED
from seedbed.randomness import derive

SAMPLE = "Claim your free prize now: call 0800 123 before noon, or write to us at the office in London."

TRIED_MESSAGES = 50
"""Before training."""
MOST = 10_000
"""Copies of a message, and tries at one: more would take for ever."""
MOST_EMPTIED = 0.1
"""The largest share of copies of which the augmenter may leave nothing, so that the original stands in their place."""


@dataclass(frozen=True)
class Copy:
    """One copy of a message."""

    text: str
    form: str
    """As it is compared with its original and its sisters."""
    emptied: bool = False
    """It is the message itself, since the augmenter left nothing of it."""


class TextAugment(Strategy):
    """Adds ``copies`` changed copies of each training message of the rarest class.

    The ``augmenter`` changes them. A copy depends on the seed, the message and its number in the table alone, never on
    other messages. One that equals its original or a sister, letter case and blanks aside, or in which nothing is left, is
    drawn again, up to ``tries`` times; a message that cannot be changed is repeated, and counted.
    """

    def __init__(self, *, copies: int = 5, augmenter: Augment | None = None, tries: int = 20) -> None:
        """``augmenter``: None takes ``WordChanges()``. Raises ``ConfigError`` for values that cannot be."""
        self.copies = copies
        self.augmenter = WordChanges() if augmenter is None else augmenter
        self.tries = tries
        self._check_values()

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        """Tries the augmenter on one text: what always fails is found before any training."""
        rows = min(rows_by_class.values(), default=0)
        check_asked_rows(f"imbalance.copies={self.copies}", self.copies * rows, sum(rows_by_class.values()))
        self._changed(SAMPLE, random.Random(0))

    def try_out(self, rows: TrainingRows, seed: int) -> None:
        """Makes a copy of some messages: an augmenter that leaves nothing of many is found before any training."""
        if rows.texts is None:
            return
        some = np.flatnonzero(rows.labels == rows.minority)[:TRIED_MESSAGES]
        made = [copy for at in some for copy in self._copies(rows.texts[at], seed, int(rows.rows[at]), 1)]
        self._refuse_emptied(made, [rows.texts[at] for at in some])

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        """Raises ``ConfigError`` where the data are no texts, or the augmenter fails on one of them or empties many."""
        if rows.texts is None or encode is None:
            raise ConfigError(
                "imbalance: text augmentation changes messages, but these data have no texts or no encoder. "
                "Use it with text data such as data=sms_spam, or use another strategy."
            )
        minority = np.flatnonzero(rows.labels == rows.minority)
        made = [copy for at in minority for copy in self._copies(rows.texts[at], seed, int(rows.rows[at]), self.copies)]
        originals = [rows.texts[at] for at in np.repeat(minority, self.copies)]
        self._refuse_emptied(made, originals)
        return Resampled(
            source=np.arange(len(rows.labels)),
            features=encode([copy.text for copy in made]),
            labels=np.full(len(made), rows.minority, dtype=np.int64),
            origin=np.repeat(minority, self.copies),
            counts={
                COPIES: len(made),
                UNCHANGED: sum(copy.text == of for copy, of in zip(made, originals, strict=True)),
                EMPTIED: sum(copy.emptied for copy in made),
            },
        )

    def changed_copies(self, text: str, seed: int, row: int) -> list[str]:
        """``copies`` changed copies of one message, which is row number ``row`` of the table."""
        return [copy.text for copy in self._copies(text, seed, row, self.copies)]

    def _copies(self, text: str, seed: int, row: int, count: int) -> list[Copy]:
        made: list[Copy] = []
        original = normalise(text)
        taken = {original}
        for number in range(count):
            rng = random.Random(derive(seed, "text_augment", row, number))
            copy = self._new_copy(text, original, taken, rng)
            taken.add(copy.form)
            made.append(copy)
        return made

    def describe(self) -> list[str]:
        made = f"Text augmentation: {self.copies} changed copies of each training message of the rarest class."
        return [made, *describe(self.augmenter)]

    def _new_copy(self, text: str, original: str, taken: Set[str], rng: random.Random) -> Copy:
        """``taken`` are the ``original`` and the sisters, normalised."""
        second_best, emptied = Copy(text, original), False
        for _ in range(self.tries):
            copy = self._changed(text, rng)
            form = normalise(copy)
            if not form:
                emptied = bool(original)
            elif form not in taken:
                return Copy(copy, form)
            elif form != original:  # equals a sister only
                second_best = Copy(copy, form)
        return replace(second_best, emptied=emptied and second_best.text == text)

    def _refuse_emptied(self, made: Sequence[Copy], originals: Sequence[str]) -> None:
        """An empty text would be trained as one of the rarest class."""
        of = [text for copy, text in zip(made, originals, strict=True) if copy.emptied]
        if len(of) > MOST_EMPTIED * len(made):
            raise ConfigError(
                f"imbalance.augmenter: {name_of(self.augmenter)} leaves nothing of the text in {len(of)} of {len(made)} copies "
                f"({self.tries} tries each), such as of {_shown(of[0])}. Let it give the text itself where it cannot change "
                "it, or use another augmenter."
            )

    def _changed(self, text: str, rng: random.Random) -> str:
        try:
            changed = self.augmenter(text, rng)
        except Exception as error:
            raise ConfigError(
                f"imbalance.augmenter: {name_of(self.augmenter)} fails on the text {_shown(text)}: "
                f"{type(error).__name__}: {' '.join(str(error).split())[:300]}. Fix it, or use another augmenter."
            ) from error
        if not isinstance(changed, str):
            raise ConfigError(
                f"imbalance.augmenter: {name_of(self.augmenter)} makes {_shown(changed)} of the text {_shown(text)}: "
                "an augmenter is called with (text, rng) and gives one str. Fix it, or use another augmenter."
            )
        return changed

    def _check_values(self) -> None:
        for key, value, usual in (("copies", self.copies, 5), ("tries", self.tries, 20)):
            if not is_whole(value) or value > MOST:
                raise ConfigError(
                    f"imbalance.{key}={shown(value)}: give a whole number from 1 to {MOST}, such as {usual}."
                )
        if not callable(self.augmenter):
            raise ConfigError(
                f"imbalance.augmenter={self.augmenter}: it cannot be called with (text, rng). Name a class in its "
                "_target_, such as seedbed.imbalance.augmenters.WordChanges, or a function and add _partial_: true."
            )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
