"""Text augmentation: repeatable, independent of other messages, and different from what it was made of."""

import sys
import types

import numpy as np
import pytest

from seedbed.data.encoders import HashEncoder
from seedbed.data.table import normalise
from seedbed.errors import ConfigError
from seedbed.imbalance import text_augment
from seedbed.imbalance.base import TrainingRows
from seedbed.imbalance.text_augment import NEIGHBOURS, TextAugment

OFFLINE = ["word_swap", "word_deletion", "word_repetition", "keyboard_typo"]
MESSAGE = "Claim your free prize now, call 0800 123 before noon"


@pytest.fixture
def wordnet(monkeypatch):
    """A WordNet of one word."""
    synset = types.SimpleNamespace(lemma_names=lambda: ["prize", "award", "booby_trophy"])
    fake = types.SimpleNamespace(
        ensure_loaded=lambda: None, synsets=lambda word: [synset] if word.lower() == "prize" else []
    )
    use_nltk(monkeypatch, types.SimpleNamespace(wordnet=fake))


def use_nltk(monkeypatch, corpus):
    """Put ``corpus`` in the place of nltk.corpus (None: nltk is not installed), past the caches."""
    monkeypatch.setitem(sys.modules, "nltk", None if corpus is None else types.ModuleType("nltk"))
    monkeypatch.setitem(sys.modules, "nltk.corpus", corpus)
    for cached in (text_augment._wordnet_missing, text_augment._synonyms):
        monkeypatch.setattr(text_augment, cached.__name__, cached.__wrapped__)


def training_rows(texts, labels, rows=None) -> TrainingRows:
    encoder = HashEncoder(dimensions=8)
    return TrainingRows(
        features=encoder.encode(texts),
        labels=np.array(labels),
        classes=("ham", "spam"),
        texts=tuple(texts),
        rows=np.arange(len(texts)) if rows is None else np.array(rows),
        minority=1,
    )


def test_copies_of_the_minority_are_added():
    texts = ["hello you", MESSAGE, "bye now", "win a car today"]
    encoder, asked = HashEncoder(dimensions=8), []

    def encode(copies):
        asked.extend(copies)
        return encoder.encode(copies)

    made = TextAugment(copies=3, operations=OFFLINE).apply(training_rows(texts, [0, 1, 0, 1]), 0, encode)
    assert made.source.tolist() == [0, 1, 2, 3]
    assert made.origin is not None
    assert made.origin.tolist() == [1, 1, 1, 3, 3, 3]
    assert made.labels is not None
    assert made.labels.tolist() == [1] * 6
    assert made.features is not None
    assert np.array_equal(made.features, encoder.encode(asked))
    assert made.class_weights is None


def test_a_copy_hangs_on_seed_and_row_alone():
    augment = TextAugment(operations=OFFLINE)

    def copies(texts, labels, rows, seed):
        asked = []
        augment.apply(
            training_rows(texts, labels, rows), seed, lambda new: asked.extend(new) or np.zeros((len(new), 8))
        )
        return asked

    alone = copies([MESSAGE], [1], [7], seed=1)
    assert copies(["other spam text", "ham", MESSAGE], [1, 0, 1], [2, 3, 7], seed=1)[5:] == alone
    assert copies([MESSAGE], [1], [7], seed=2) != alone
    assert copies([MESSAGE], [1], [8], seed=1) != alone


def test_fewer_copies_are_the_first_of_more():
    few, many = TextAugment(copies=2, operations=OFFLINE), TextAugment(copies=6, operations=OFFLINE)
    assert many.changed_copies(MESSAGE, 0, 1)[:2] == few.changed_copies(MESSAGE, 0, 1)


@pytest.mark.parametrize("text", [MESSAGE, "Ok", "a a", "no no no no", "Win NOW", "x 1"])
@pytest.mark.parametrize("seed", range(5))
def test_copies_differ_from_the_original_and_from_each_other(text, seed):
    copies = [normalise(copy) for copy in TextAugment(operations=OFFLINE).changed_copies(text, seed, 3)]
    assert normalise(text) not in copies
    assert len(set(copies)) == 5


def test_sisters_are_equal_only_where_there_is_nothing_else():
    assert TextAugment(operations=OFFLINE).changed_copies("645", 0, 0) == ["645 645"] * 5
    assert TextAugment(copies=2, operations=["word_deletion"]).changed_copies("645", 0, 0) == ["645"] * 2
    assert TextAugment(copies=2, operations=OFFLINE).changed_copies("", 0, 0) == [""] * 2


def only(operation, strength=0.1, text=MESSAGE):
    return [
        copy.split()
        for seed in range(10)
        for copy in TextAugment(copies=1, operations=[operation], strength=strength).changed_copies(text, seed, 0)
    ]


def test_word_swap_keeps_the_words():
    for copy in only("word_swap", strength=0.3):
        assert sorted(copy) == sorted(MESSAGE.split())
        assert copy != MESSAGE.split()


@pytest.mark.parametrize(("operation", "difference"), [("word_deletion", -3), ("word_repetition", 3)])
def test_strength_is_the_share_of_words(operation, difference):
    words = len(MESSAGE.split())
    assert {len(copy) - words for copy in only(operation, strength=3 / words)} == {difference}


def test_deletion_leaves_a_word():
    assert {len(copy) for copy in only("word_deletion", strength=1.0)} == {1}


def test_a_typo_is_a_neighbouring_key():
    for copy in only("keyboard_typo"):
        typed, written = " ".join(copy), MESSAGE
        ((hit, meant),) = [(a, b) for a, b in zip(typed, written, strict=True) if a != b]
        assert hit.lower() in NEIGHBOURS[meant.lower()]
        assert hit.isupper() == meant.isupper()


def test_neighbours_are_mutual():
    assert set(NEIGHBOURS["a"]) == set("qwsz")
    assert all(letter in NEIGHBOURS[near] for letter, around in NEIGHBOURS.items() for near in around)


@pytest.mark.usefixtures("wordnet")
def test_synonyms_where_wordnet_is_installed():
    augment = TextAugment(copies=2, operations=["synonym"])
    copies = augment.changed_copies("Your prize, sir", 0, 0)
    assert sorted(copies) == ["Your award, sir", "Your booby trophy, sir"]
    assert len(augment.describe()) == 1
    assert "synonym" in augment.describe()[0]


def test_synonyms_are_inactive_without_nltk(monkeypatch):
    use_nltk(monkeypatch, None)
    augment = TextAugment()
    active, inactive = augment.describe()
    assert "synonym" not in active
    assert "word_swap, word_deletion, word_repetition, keyboard_typo" in active
    assert "synonym (nltk is not installed" in inactive
    augment.check({"ham": 10, "spam": 2})
    with pytest.raises(ConfigError, match="nltk is not installed"):
        TextAugment(operations=["synonym"]).check({"ham": 10, "spam": 2})


def test_synonyms_are_inactive_without_the_corpus(monkeypatch):
    def absent():
        raise LookupError

    use_nltk(monkeypatch, types.SimpleNamespace(wordnet=types.SimpleNamespace(ensure_loaded=absent)))
    assert "no WordNet corpus" in TextAugment().describe()[1]


@pytest.mark.parametrize(
    ("kwargs", "part"),
    [
        ({"copies": 0}, "imbalance.copies=0"),
        ({"strength": 0}, "imbalance.strength=0"),
        ({"strength": 1.5}, "imbalance.strength=1.5"),
        ({"operations": ["word_swop"]}, "'word_swop' does not exist; did you mean 'word_swap'"),
    ],
)
def test_wrong_values(kwargs, part):
    with pytest.raises(ConfigError, match=part):
        TextAugment(**kwargs)


def test_data_without_texts():
    rows = TrainingRows(np.zeros((2, 3)), np.array([0, 1]), ("ham", "spam"), None, np.arange(2), 1)
    with pytest.raises(ConfigError, match="no texts"):
        TextAugment().apply(rows, 0, None)
