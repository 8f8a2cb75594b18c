"""How one text is changed for ``TextAugment``: seedbed's own word changes, and the augmenters of nlpaug and TextAttack."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, ClassVar

import numpy as np
from hydra.utils import instantiate

from seedbed.data.table import normalise
from seedbed.errors import ConfigError, near_misses
from seedbed.torch_random import global_stream

Augment = Callable[[str, random.Random], str]
"""(text, generator) -> one changed text, the same text where it cannot. An ``Augmenter`` or any such function."""


class Augmenter(ABC):
    """An ``Augment`` that says what it does."""

    @property
    def name(self) -> str:
        """What errors call it."""
        return _class_name(type(self))

    @abstractmethod
    def __call__(self, text: str, rng: random.Random) -> str:
        """One changed text; ``text`` itself where it cannot be changed. All randomness comes from ``rng``."""

    def describe(self) -> list[str]:
        """What the augmenter does, in sentences for the report.

        They are part of a cell's fingerprint: they name what decides the texts and stands in no config, such as the
        version of a library.
        """
        return [f"Texts are changed by {self.name}."]


def name_of(augmenter: Augment) -> str:
    """The name of an augmenter or a plain function, with its module."""
    if isinstance(augmenter, Augmenter):
        return augmenter.name
    function = augmenter.func if isinstance(augmenter, functools.partial) else augmenter
    return _class_name(function if hasattr(function, "__qualname__") else type(function))


def describe(augmenter: Augment) -> list[str]:
    """Sentences for the report, also of a plain function."""
    return augmenter.describe() if isinstance(augmenter, Augmenter) else [f"Texts are changed by {name_of(augmenter)}."]


def _class_name(named: Any) -> str:
    return f"{named.__module__}.{named.__qualname__}"


# ---- seedbed's own ---------------------------------------------------------------------------------------------------

Words = list[str]
Operation = Callable[[Words, int, random.Random], Words]
"""(words, number of changes, generator) -> changed words; the same words where it cannot."""


class WordChanges(Augmenter):
    """One of the ``operations``, drawn at random, changes about ``strength`` of the words, at least one.

    An operation that leaves the text as it is, letter case and blanks aside, gives way to the next.
    Source: Wei and Zou 2019, "EDA: Easy Data Augmentation", for swap, deletion and synonyms.
    """

    def __init__(
        self,
        *,
        operations: Sequence[str] = ("word_swap", "word_deletion", "word_repetition", "keyboard_typo", "synonym"),
        strength: float = 0.1,
    ) -> None:
        """Raises ``ConfigError`` for values that cannot be, and where no operation can be used here."""
        self.operations = [operations] if isinstance(operations, str) else list(operations)
        self.strength = strength
        self._check_values()
        self._active = [name for name in self.operations if name != "synonym" or _wordnet_missing() is None]
        if not self._active:
            raise ConfigError(
                f"imbalance.augmenter.operations={self.operations}: none can be used here "
                f"({'; '.join(self._inactive()) or 'the list is empty'}). Add one of {', '.join(OPERATIONS)}."
            )

    def __call__(self, text: str, rng: random.Random) -> str:
        words, form = text.split(), normalise(text)
        changes = max(1, round(self.strength * len(words)))
        for name in rng.sample(self._active, len(self._active)):
            changed = " ".join(OPERATIONS[name](words, changes, rng))
            if normalise(changed) != form:
                return changed
        return text

    def describe(self) -> list[str]:
        made = (
            f"About {self.strength:.0%} of a text's words are changed (at least one); active operations: "
            f"{', '.join(f'{name} (WordNet {_wordnet_version()})' if name == 'synonym' else name for name in self._active)}."
        )
        return [made, *(f"Inactive operation: {reason}." for reason in self._inactive())]

    def _inactive(self) -> list[str]:
        return [f"{name} ({_wordnet_missing()})" for name in self.operations if name not in self._active]

    def _check_values(self) -> None:
        if not isinstance(self.strength, int | float) or not 0 < self.strength <= 1:
            raise ConfigError(
                f"imbalance.augmenter.strength={self.strength}: the share of words to change lies in (0, 1]. Try 0.1."
            )
        for name in self.operations:
            if name not in OPERATIONS:
                known = near_misses(str(name), OPERATIONS)
                raise ConfigError(f"imbalance.augmenter.operations: {name!r} does not exist; {known}")


def word_swap(words: Words, changes: int, rng: random.Random) -> Words:
    """Let two different words change places, ``changes`` times."""
    swapped, forms = list(words), [_form(word) for word in words]
    for _ in range(changes):
        first = rng.randrange(len(swapped)) if swapped else 0
        others = [at for at, form in enumerate(forms) if form != forms[first]]
        if others:
            second = rng.choice(others)
            for each in (swapped, forms):
                each[first], each[second] = each[second], each[first]
    return swapped


@lru_cache(maxsize=100_000)
def _form(word: str) -> str:
    """Of a word, which comes back in copies and in other messages."""
    return normalise(word)


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


def _wordnet_version() -> str:
    from nltk.corpus import wordnet  # noqa: PLC0415 - optional

    return str(wordnet.get_version())


# ---- other libraries -------------------------------------------------------------------------------------------------


class LibraryAugmenter(Augmenter):
    """Base of the adapters: an object whose ``augment(text)`` gives changed texts, drawn from the global streams.

    Each text is changed under streams of its own, and the global ones go on as if nothing had been drawn. Of several
    changed texts one is drawn.
    """

    library: ClassVar[str]
    """Name of the library's package and of the extra that installs it."""
    draws_from_sets: ClassVar[frozenset[str]]
    """Classes of the library whose draws depend on the order of a set of strings, which differs between processes."""

    def __init__(self, augmenter: Any) -> None:
        """``augmenter``: an object of the library, or the config of one, with its ``_target_``.

        A config is built here and not by Hydra (``_recursive_: false``), so that a missing library is said plainly.
        Raises ``ConfigError`` where the library is missing, cannot build the object, or could not repeat its draws.
        """
        self._version = self._installed_version()
        self.augmenter = self._built(augmenter) if isinstance(augmenter, Mapping) else augmenter
        if not callable(getattr(self.augmenter, "augment", None)):
            raise ConfigError(
                f"imbalance.augmenter.augmenter={augmenter} is not an augmenter of {self.library}: it has no augment(). "
                "Name a class of the library in its _target_."
            )
        self._unordered = self._draws_from_a_set()
        if self._unordered and not _hash_seed():
            raise ConfigError(
                f"imbalance.augmenter.augmenter: {self.name} draws from a set of words, and Python orders sets "
                "differently in every process, so no seed could be repeated. Fix the order with the environment "
                "variable PYTHONHASHSEED=0, or use another augmenter."
            )

    @property
    def name(self) -> str:
        return _class_name(type(self.augmenter))

    def __call__(self, text: str, rng: random.Random) -> str:
        if not text.strip():  # both libraries expect words
            return text
        with lent_streams(rng):
            changed = self.augmenter.augment(text)
        if not isinstance(changed, list):
            return changed  # type: ignore[no-any-return]  # the strategy checks that it is a str
        return rng.choice(changed) if changed else text

    def describe(self) -> list[str]:
        order = f", PYTHONHASHSEED={_hash_seed()}" if self._unordered else ""
        return [f"Texts are changed by {self.name} ({self.library} {self._version}{order})."]

    def _installed_version(self) -> str:
        try:
            return importlib.metadata.version(self.library)
        except importlib.metadata.PackageNotFoundError as error:
            raise ConfigError(
                f"imbalance.augmenter: {self.library} is not installed. "
                f"Install it, pip install 'seedbed[{self.library}]', or use imbalance=text_augment."
            ) from error

    def _built(self, config: Mapping[str, Any]) -> Any:
        try:
            with lent_streams(random.Random(0)):  # importing and building may draw, too
                return instantiate(dict(config), _convert_="all")
        except Exception as error:
            raise ConfigError(
                f"imbalance.augmenter.augmenter: {self.library} {self._version} cannot build "
                f"{config.get('_target_')}: {self._reason(error)}"
            ) from error

    def _reason(self, error: Exception) -> str:
        """What kept the object from being built, and the remedy."""
        causes = _causes(error)
        reason, remedy = error.__cause__ or error, "The keys of the config node are the arguments of its _target_."
        if isinstance(causes[-1], ImportError):
            remedy = f"Install what it needs; pip install 'seedbed[{self.library}]' brings versions that fit."
        for cause in causes:
            if isinstance(cause, LookupError) and "nltk" in str(cause):
                reason, remedy = cause, "Get NLTK's word lists: python -m nltk.downloader stopwords wordnet omw-1.4."
        words = " ".join(str(reason).replace("*", "").split()).split(" Please use the NLTK")[0]
        return f"{type(reason).__name__}: {words[:300].rstrip('.?')}. {remedy}"

    def _draws_from_a_set(self) -> bool:
        return not self.draws_from_sets.isdisjoint(_class_names(self.augmenter, self.library))


class NlpAug(LibraryAugmenter):
    """Any text augmenter or flow of nlpaug, such as ``nlpaug.augmenter.char.KeyboardAug``."""

    library = "nlpaug"
    draws_from_sets = frozenset({"SpellingAug"})


class TextAttack(LibraryAugmenter):
    """Any augmenter of TextAttack, such as ``textattack.augmentation.CharSwapAugmenter``.

    Those for characters, deletion and swaps need NLTK's list of stop words; others need WordNet, or models and vectors
    that TextAttack downloads.
    """

    library = "textattack"
    draws_from_sets = frozenset(
        {"EasyDataAugmenter", "WordSwapWordNet", "WordInsertionRandomSynonym", "WordSwapInflections"}
        | {"ChineseMorphonymCharacterSwap"}
    )

    def _draws_from_a_set(self) -> bool:
        return super()._draws_from_a_set() or getattr(self.augmenter, "fast_augment", False)


@contextmanager
def lent_streams(rng: random.Random) -> Iterator[None]:
    """Lend the global streams of Python, NumPy and PyTorch to one text, and put them back afterwards."""
    seed = rng.getrandbits(63)
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what other libraries draw from
    try:
        with global_stream(seed, "augmenter"):
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


def _hash_seed() -> str | None:
    """What fixes the order of sets of strings in this process, None where nothing does."""
    seed = os.environ.get("PYTHONHASHSEED", "random")
    return None if seed == "random" else seed


def _class_names(augmenter: Any, library: str) -> set[str]:
    """Names of the classes that an augmenter, the members of a flow and what else it holds of the library are of."""
    names: set[str] = set()
    left, seen = [augmenter], set()
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        classes = type(part).__mro__
        names.update(each.__name__ for each in classes)
        if isinstance(part, list | tuple):
            left += part
        if any(each.__module__.split(".")[0] == library for each in classes):
            left += vars(part).values()
    return names


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it came from, the first cause last."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    return causes
