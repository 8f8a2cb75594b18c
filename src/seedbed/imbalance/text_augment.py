"""Text augmentation: changed copies of the minority messages that a seed trains on."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from seedbed.data.table import normalise
from seedbed.errors import ConfigError, near_misses
from seedbed.imbalance.base import Encode, Resampled, Strategy, TrainingRows
from seedbed.randomness import derive

Words = list[str]
Operation = Callable[[Words, int, random.Random], Words]
"""(words, number of changes, generator) -> changed words; the same words where it cannot."""

ROUNDS = 10  # draws of every operation before a copy may equal its original or a sister


class TextAugment(Strategy):
    """Adds ``copies`` changed copies of each minority message of the training rows.

    A copy is made by one of the ``operations``, drawn at random, which changes about ``strength`` of the
    words, at least one. It hangs on the seed, the message and its number in the table alone, never on other
    messages. It differs from its original and its sisters, letter case and blanks aside, where the message
    allows.
    Source: Wei and Zou 2019, "EDA: Easy Data Augmentation", for swap, deletion and synonyms.
    """

    def __init__(
        self,
        *,
        copies: int = 5,
        operations: Sequence[str] = (
            "word_swap",
            "word_deletion",
            "word_repetition",
            "keyboard_typo",
            "synonym",
        ),
        strength: float = 0.1,
    ) -> None:
        """Raises ``ConfigError`` for values that cannot be."""
        self.copies = copies
        self.operations = tuple(operations)
        self.strength = strength
        self._check_values()

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        if not self._active():
            raise ConfigError(
                f"imbalance.operations={list(self.operations)}: none can be used here "
                f"({'; '.join(self._inactive()) or 'the list is empty'}). Add one of {', '.join(OPERATIONS)}."
            )

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        if rows.texts is None or encode is None:
            raise ConfigError(
                "imbalance=text_augment changes messages, but these data have no texts or no encoder. "
                "Use it with text data such as data=sms_spam, or take another strategy."
            )
        minority = np.flatnonzero(rows.labels == rows.minority)
        texts = [copy for at in minority for copy in self.changed_copies(rows.texts[at], seed, int(rows.rows[at]))]
        return Resampled(
            source=np.arange(len(rows.labels)),
            features=encode(texts),
            labels=np.full(len(texts), rows.minority, dtype=np.int64),
            origin=np.repeat(minority, self.copies),
        )

    def changed_copies(self, text: str, seed: int, row: int) -> list[str]:
        """``copies`` changed copies of one message, which is row number ``row`` of the table."""
        made: list[str] = []
        for number in range(self.copies):
            made.append(self._changed(text, made, random.Random(derive(seed, "text_augment", row, number))))
        return made

    def describe(self) -> list[str]:
        active, inactive = self._active(), self._inactive()
        made = (
            f"Text augmentation: {self.copies} changed copies of each minority message in the training rows, "
            f"about {self.strength:.0%} of the words changed (at least one); active operations: "
            f"{', '.join(active)}."
        )
        return [made, *(f"Inactive operation: {reason}." for reason in inactive)]

    def _changed(self, text: str, sisters: Sequence[str], rng: random.Random) -> str:
        original = normalise(text)
        taken = {original, *map(normalise, sisters)}
        words = text.split()
        changes = max(1, round(self.strength * len(words)))
        second_best = text
        for _ in range(ROUNDS):
            for name in _shuffled(self._active(), rng):
                copy = " ".join(OPERATIONS[name](words, changes, rng))
                if normalise(copy) not in taken:
                    return copy
                if normalise(copy) != original:  # equals a sister only
                    second_best = copy
        return second_best

    def _active(self) -> list[str]:
        return [name for name in self.operations if name != "synonym" or _wordnet_missing() is None]

    def _inactive(self) -> list[str]:
        return [f"{name} ({_wordnet_missing()})" for name in self.operations if name not in self._active()]

    def _check_values(self) -> None:
        if not isinstance(self.copies, int) or self.copies < 1:
            raise ConfigError(f"imbalance.copies={self.copies}: give a whole number from 1 on, such as 5.")
        if not 0 < self.strength <= 1:
            raise ConfigError(
                f"imbalance.strength={self.strength}: the share of words to change lies in (0, 1]. Try 0.1."
            )
        for name in self.operations:
            if name not in OPERATIONS:
                known = near_misses(name, OPERATIONS)
                raise ConfigError(f"imbalance.operations: {name!r} does not exist; {known}")


def word_swap(words: Words, changes: int, rng: random.Random) -> Words:
    """Let two different words change places, ``changes`` times."""
    swapped = list(words)
    for _ in range(changes):
        first = rng.randrange(len(swapped)) if swapped else 0
        others = [at for at, word in enumerate(swapped) if normalise(word) != normalise(swapped[first])]
        if others:
            second = rng.choice(others)
            swapped[first], swapped[second] = swapped[second], swapped[first]
    return swapped


def word_deletion(words: Words, changes: int, rng: random.Random) -> Words:
    """Leave out words, but never all."""
    gone = set(rng.sample(range(len(words)), min(changes, max(len(words) - 1, 0))))
    return [word for at, word in enumerate(words) if at not in gone]


def word_repetition(words: Words, changes: int, rng: random.Random) -> Words:
    """Write words twice."""
    twice = set(rng.sample(range(len(words)), min(changes, len(words))))
    return [written for at, word in enumerate(words) for written in [word] * (1 + (at in twice))]


def keyboard_typo(words: Words, changes: int, rng: random.Random) -> Words:
    """Hit a neighbouring key for one letter of some words; digits stay, since numbers carry the meaning."""
    typed = list(words)
    typeable = [at for at, word in enumerate(words) if any(letter.lower() in NEIGHBOURS for letter in word)]
    for at in rng.sample(typeable, min(changes, len(typeable))):
        typed[at] = _mistyped(words[at], rng)
    return typed


def synonym(words: Words, changes: int, rng: random.Random) -> Words:
    """Put WordNet synonyms in the place of words; punctuation around a word stays."""
    replaced = list(words)
    known = [at for at, word in enumerate(words) if _synonyms(_core(word))]
    for at in rng.sample(known, min(changes, len(known))):
        core = _core(words[at])
        replaced[at] = words[at].replace(core, rng.choice(_synonyms(core)))
    return replaced


OPERATIONS: dict[str, Operation] = {
    "word_swap": word_swap,
    "word_deletion": word_deletion,
    "word_repetition": word_repetition,
    "keyboard_typo": keyboard_typo,
    "synonym": synonym,
}


def _neighbours(rows: Sequence[str]) -> dict[str, str]:
    """The letters around each letter; every row stands half a key to the right of the row above."""
    places = {letter: (y, x) for y, row in enumerate(rows) for x, letter in enumerate(row)}
    steps = ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0))
    letters = {place: letter for letter, place in places.items()}
    return {
        letter: "".join(letters.get((y + down, x + right), "") for down, right in steps)
        for letter, (y, x) in places.items()
    }


NEIGHBOURS = _neighbours(("qwertyuiop", "asdfghjkl", "zxcvbnm"))


def _mistyped(word: str, rng: random.Random) -> str:
    at = rng.choice([at for at, letter in enumerate(word) if letter.lower() in NEIGHBOURS])
    hit = rng.choice(NEIGHBOURS[word[at].lower()])
    return word[:at] + (hit.upper() if word[at].isupper() else hit) + word[at + 1 :]


def _core(word: str) -> str:
    """The word without the punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", word)


@cache
def _synonyms(word: str) -> tuple[str, ...]:
    from nltk.corpus import wordnet  # noqa: PLC0415 - optional

    names = {lemma.replace("_", " ") for synset in wordnet.synsets(word) for lemma in synset.lemma_names()}
    return tuple(sorted(name for name in names if normalise(name) != normalise(word)))


@cache
def _wordnet_missing() -> str | None:
    """Why synonyms cannot be had, None when they can. Nothing is downloaded."""
    try:
        from nltk.corpus import wordnet  # noqa: PLC0415 - optional

        wordnet.ensure_loaded()
    except ImportError:
        return "nltk is not installed: pip install 'seedbed[wordnet]'"
    except LookupError:
        return "nltk has no WordNet corpus here: python -m nltk.downloader wordnet"
    return None


def _shuffled(names: Sequence[str], rng: random.Random) -> list[str]:
    return rng.sample(list(names), len(names))
