"""Text augmentation: repeatable, independent of other messages, and different from what it was made of."""

import numpy as np
import pytest
from hypothesis import strategies

from seedbed.data.encoders import HashEncoder
from seedbed.data.table import normalise
from seedbed.errors import ConfigError
from seedbed.imbalance.augmenters import WordChanges
from seedbed.imbalance.base import TrainingRows
from seedbed.imbalance.copies import said_of_copies
from seedbed.imbalance.text_augment import TextAugment

OFFLINE = ["word_swap", "word_deletion", "word_repetition", "keyboard_typo"]
MESSAGE = "Claim your free prize now, call 0800 123 before noon"


def augment(copies=5, operations=OFFLINE, **settings) -> TextAugment:
    return TextAugment(copies=copies, augmenter=WordChanges(operations=operations), **settings)


def training_rows(texts, labels, rows=None, classes=("ham", "spam"), minority=1) -> TrainingRows:
    encoder = HashEncoder(dimensions=8)
    return TrainingRows(
        features=encoder.encode(texts),
        labels=np.array(labels),
        classes=classes,
        texts=tuple(texts),
        rows=np.arange(len(texts)) if rows is None else np.array(rows),
        minority=minority,
    )


def test_copies_of_the_minority_are_added():
    texts = ["hello you", MESSAGE, "bye now", "win a car today"]
    encoder, asked = HashEncoder(dimensions=8), []

    def encode(copies):
        asked.extend(copies)
        return encoder.encode(copies)

    made = augment(copies=3).apply(training_rows(texts, [0, 1, 0, 1]), 0, encode)
    assert made.source.tolist() == [0, 1, 2, 3]
    assert made.origin is not None
    assert made.origin.tolist() == [1, 1, 1, 3, 3, 3]
    assert made.labels is not None
    assert made.labels.tolist() == [1] * 6
    assert made.features is not None
    assert np.array_equal(made.features, encoder.encode(asked))
    assert made.class_weights is None


def test_of_several_classes_the_rarest_is_augmented():
    rows = training_rows(["a b", "c d", "e f", "g h", "i j"], [2, 0, 2, 1, 1], classes=("x", "y", "z"), minority=0)
    made = augment(copies=2).apply(rows, 0, HashEncoder(dimensions=8).encode)
    assert made.origin is not None
    assert made.origin.tolist() == [1, 1]
    assert made.labels is not None
    assert made.labels.tolist() == [0, 0]
    assert augment(copies=2).describe()[0] == (
        "Text augmentation: 2 changed copies of each training message of the rarest class."
    )


def test_a_copy_hangs_on_seed_and_row_alone():
    def copies(texts, labels, rows, seed):
        asked = []
        augment().apply(
            training_rows(texts, labels, rows), seed, lambda new: asked.extend(new) or np.zeros((len(new), 8))
        )
        return asked

    alone = copies([MESSAGE], [1], [7], seed=1)
    assert copies(["other spam text", "ham", MESSAGE], [1, 0, 1], [2, 3, 7], seed=1)[5:] == alone
    assert copies([MESSAGE], [1], [7], seed=2) != alone
    assert copies([MESSAGE], [1], [8], seed=1) != alone


def test_fewer_copies_are_the_first_of_more():
    assert augment(copies=6).changed_copies(MESSAGE, 0, 1)[:2] == augment(copies=2).changed_copies(MESSAGE, 0, 1)


@pytest.mark.parametrize("text", [MESSAGE, "Ok", "a a", "no no no no", "Win NOW", "x 1"])
@pytest.mark.parametrize("seed", range(5))
def test_copies_differ_from_the_original_and_from_each_other(text, seed):
    copies = [normalise(copy) for copy in augment().changed_copies(text, seed, 3)]
    assert normalise(text) not in copies
    assert len(set(copies)) == 5


def test_sisters_are_equal_only_where_there_is_nothing_else():
    assert augment().changed_copies("645", 0, 0) == ["645 645"] * 5
    assert augment(copies=2, operations=["word_deletion"]).changed_copies("645", 0, 0) == ["645"] * 2
    assert augment(copies=2).changed_copies("", 0, 0) == [""] * 2


@pytest.mark.parametrize(
    ("tries", "answers", "expected"),
    [
        (1, ["A ", "x", "X"], ["a", "x", "x"]),
        (2, ["A ", "x", "x", "y"], ["x", "y"]),
        (2, ["x", "x", "A "], ["x", "x"]),
        (3, ["x", "A ", "x", "A "], ["x", "x"]),
        (3, ["x", "A ", "x", "y"], ["x", "y"]),
    ],
)
def test_a_copy_is_drawn_again_while_it_is_no_new_text(tries, answers, expected):
    """Where all tries fail, a sister's text is better than the original, letter case and blanks aside."""
    left = iter(answers)
    strategy = TextAugment(copies=len(expected), augmenter=lambda text, rng: next(left), tries=tries)
    assert [normalise(copy) for copy in strategy.changed_copies("a", 0, 0)] == expected
    assert list(left) == []


def test_without_an_augmenter_words_are_changed():
    assert isinstance(TextAugment().augmenter, WordChanges)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"copies": 0}, "imbalance.copies=0"),
        ({"tries": 0}, "imbalance.tries=0"),
        ({"augmenter": "word_swap"}, "imbalance.augmenter=word_swap: it cannot be called"),
    ],
)
def test_wrong_values(settings, part):
    with pytest.raises(ConfigError, match=part):
        TextAugment(**settings)


def test_a_text_on_which_the_augmenter_fails_is_named():
    def fails_on_numbers(text, rng):
        return None if text.isdigit() else f"{text}!"

    strategy = TextAugment(augmenter=fails_on_numbers)
    strategy.check({"ham": 3, "spam": 1})
    with pytest.raises(ConfigError, match="fails_on_numbers makes None of the text '645'"):
        strategy.apply(training_rows(["hello", "645"], [0, 1]), 0, HashEncoder(dimensions=8).encode)


def test_data_without_texts():
    rows = TrainingRows(np.zeros((2, 3)), np.array([0, 1]), ("ham", "spam"), None, np.arange(2), 1)
    with pytest.raises(ConfigError, match="no texts"):
        TextAugment().apply(rows, 0, None)


# ---- copies in which nothing is left, or nothing changed -------------------------------------------------------------


def without_first(text, rng) -> str:
    return " ".join(text.split()[1:])


def test_an_augmenter_that_empties_texts_is_refused_before_training():
    rows = training_rows(["win", "hello you", "prize", "bye now"], [1, 0, 1, 0])
    strategy = TextAugment(copies=3, augmenter=without_first)
    with pytest.raises(
        ConfigError, match=r"without_first leaves nothing of the text in 2 of 2 copies .* such as of 'win'"
    ):
        strategy.try_out(rows, 0)
    with pytest.raises(ConfigError, match=r"leaves nothing of the text in 6 of 6 copies"):
        strategy.apply(rows, 0, HashEncoder(dimensions=8).encode)
    augment().try_out(rows, 0)


def test_a_few_emptied_texts_keep_their_words_and_are_counted():
    texts = ["win", *(f"claim your prize {number}" for number in range(10)), "lunch at home"]
    asked = []
    made = TextAugment(copies=2, augmenter=without_first).apply(
        training_rows(texts, [1] * 11 + [0]), 0, lambda new: asked.extend(new) or np.zeros((len(new), 8))
    )
    assert asked[:3] == ["win", "win", "your prize 0"]
    assert made.counts == {"copies": 22, "unchanged": 2, "emptied": 2}
    assert said_of_copies([made.counts, made.counts]) == [
        "4 of 44 copies (2 seeds) are unchanged, letter case and blanks aside, in 4 of them because nothing would have been left."
    ]


def test_unchanged_copies_are_counted():
    rows = training_rows(["645", "Win NOW", "hello"], [1, 1, 0])
    made = TextAugment(copies=2, augmenter=lambda text, rng: text.upper()).apply(rows, 0, HashEncoder().encode)
    assert made.counts == {"copies": 4, "unchanged": 4, "emptied": 0}
    assert said_of_copies([made.counts]) == ["4 of 4 copies (1 seed) are unchanged, letter case and blanks aside."]
    assert said_of_copies([augment().apply(rows, 0, HashEncoder().encode).counts, {}]) == []
    assert said_of_copies([]) == []


def test_no_copy_is_empty(examine):
    """Whatever an augmenter makes of a text, blanks and nothing among it."""

    def holds(text, answers, seed):
        made = TextAugment(copies=3, augmenter=lambda text, rng: rng.choice(answers), tries=4)
        copies = made.changed_copies(text, seed, 0)
        assert all(normalise(copy) for copy in copies)
        assert all(copy == text or copy in answers for copy in copies)
        own = augment(copies=3).changed_copies(text, seed, 0)
        assert all(normalise(copy) for copy in own)

    texts = strategies.text(max_size=12).filter(lambda text: bool(normalise(text)))
    answers = strategies.lists(
        strategies.one_of(strategies.sampled_from(["", " ", "\t\n"]), strategies.text(max_size=4)),
        min_size=1,
        max_size=4,
    )
    examine(holds, text=texts, answers=answers, seed=strategies.integers(0, 9))


def test_copies_that_no_memory_holds_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"imbalance\.copies=1000000000: give a whole number from 1 to 10000"):
        TextAugment(copies=10**9)
    with pytest.raises(ConfigError, match=r"imbalance\.copies=10000 asks for 3000000 rows where there are 2300"):
        TextAugment(copies=10_000).check({"ham": 2000, "spam": 300})
    TextAugment(copies=5).check({"ham": 2000, "spam": 300})
