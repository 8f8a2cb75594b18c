"""Texts as word numbers: the vocabulary is that of the training texts, and strategies that need vectors are refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import NearMiss, RandomUnderSampler

from seedbed.data.encoders import FittedEncoder, TfidfEncoder
from seedbed.data.network_inputs import PADDING, UNKNOWN, Vectors, Words
from seedbed.data.splits import GroupStratifiedSplit, Rows
from seedbed.data.table import Table
from seedbed.data.text_csv import TextCsv
from seedbed.data.texts import LabelledTexts, text_table
from seedbed.data.words import FittedWords, WordEncoder
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.resample import Resample
from seedbed.imbalance.text_augment import TextAugment
from seedbed.running.runner import run
from seedbed.tasks.classification import Classification

FEW = ["seeds=2", "trainer.max_epochs=2", "trainer.accelerator=cpu", "trainer.seeds_at_once=2"]


def fitted(*texts: str, **settings: object) -> FittedWords:
    encode = WordEncoder(**{"min_count": 1, **settings}).fit(texts)  # type: ignore[arg-type]
    assert isinstance(encode, FittedWords)
    return encode


def test_what_a_word_is() -> None:
    words = WordEncoder().words("WINNER!! You've won £1,000 cash_prize, call 0800-12 'now' at 9pm")
    assert words == [
        "winner", "!", "!", "you've", "won", "£", "0", ",", "000", "cash", "_", "prize", ",", "call", "0000", "-", "00",
        "'", "now", "'", "at", "0", "pm",
    ]  # fmt: skip
    assert WordEncoder(lowercase=False, mask_digits=False).words("Call 0800") == ["Call", "0800"]
    assert WordEncoder().words("  ") == []


def test_numbers_are_those_of_the_most_frequent_words_whatever_the_order_of_the_texts() -> None:
    encode = fitted("red red pear", "apple red apple", max_words=2, length=5)
    assert dict(encode.numbers) == {"red": UNKNOWN + 1, "apple": UNKNOWN + 2}
    assert fitted("apple red apple", "red red pear", max_words=2).numbers == encode.numbers
    rows = encode(["Apple red plum", "", "red " * 9], None)
    assert rows.dtype == np.int32
    assert rows.tolist() == [[3, 2, UNKNOWN, PADDING, PADDING], [PADDING] * 5, [2] * 5]
    assert encode([], None).shape == (0, 5)


def test_rare_words_are_unknown() -> None:
    assert list(fitted("red apple", "red pear", min_count=2).numbers) == ["red"]
    with pytest.raises(DataError, match=r"no word 3 times or more in the 2 training texts.*data\.encoder\.min_count"):
        fitted("red apple", "red pear", min_count=3)


def test_the_network_is_told_the_same_for_every_seed() -> None:
    encoder = WordEncoder(max_words=10, length=4, min_count=1)
    assert encoder.inputs.arguments() == {"vocabulary": 12, "length": 4}
    encoder.fit(["a b"])
    assert encoder.inputs == Words(12, 4)
    example = encoder.inputs.example(50, torch.Generator().manual_seed(0))
    assert (example.dtype, example.shape, int(example.max())) == (torch.int32, (50, 4), 11)
    is_read = example != PADDING
    assert (is_read[:, :-1] >= is_read[:, 1:]).all(), "padding stands at the end only"


def test_save_and_load(tmp_path: Path) -> None:
    encoder, texts = WordEncoder(min_count=1, length=6), ["naïve £5 offer", "offer ends"]
    encode = encoder.fit(texts)
    encoder.save(encode, tmp_path)
    assert np.array_equal(encoder.load(tmp_path)(texts, None), encode(texts, None))


@pytest.mark.parametrize("setting", [{"max_words": 0}, {"min_count": 1.5}, {"length": 0}])
def test_wrong_settings(setting: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=rf"data\.encoder\.{next(iter(setting))}="):
        WordEncoder(**setting)


# ---- in a table ------------------------------------------------------------------------------------------------------


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Short texts, 60 of one label and 20 of another, each with a word of its own."""
    draw = random.Random(0)
    words = {"5": ["good", "fine", "great", "happy", "meal"], "1": ["bad", "cold", "late", "sad", "meal"]}
    rows = [f"{label};{' '.join(draw.choices(words[label], k=4))} {'good' if label == '5' else 'bad'}{chr(97 + n // 26)}{chr(97 + n % 26)}"
            for label, count in (("5", 60), ("1", 20)) for n in range(count)]  # fmt: skip
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["stars;body", *rows]))
    return path


def test_a_seed_s_vocabulary_is_that_of_its_training_texts(reviews: Path) -> None:
    encoder = WordEncoder(min_count=1, length=4)
    table = TextCsv(path=str(reviews), text="body", label="stars", encoder=encoder).load()
    assert table.counts["cut_after_4_words"] == 80
    assert table.inputs == encoder.inputs
    rows = GroupStratifiedSplit().rows(table, 0)
    encoder.length = 5
    data = Classification.seed_data(table, rows, TextAugment(copies=2), 0)
    assert data.features is not None
    own_words = data.features[:, 4]
    assert (own_words[rows.train] > UNKNOWN).all()
    assert (own_words[rows.test] == UNKNOWN).all(), "their last word is in no other text"
    made = data.resampled.features
    assert made is not None
    assert (made.dtype, len(made)) == (np.int32, 2 * int((table.labels[rows.train] == table.minority).sum()))
    stacked = Classification.stack_data(table, [data]).arguments["features"]
    assert stacked.dtype == torch.int32


@pytest.mark.parametrize(
    ("sampler", "refused"),
    [(SMOTE(), True), (NearMiss(), True), (RandomOverSampler(shrinkage=0.5), True), (RandomOverSampler(), False), (RandomUnderSampler(), False)],
)  # fmt: skip
def test_samplers_that_calculate_with_rows_are_refused(sampler: object, refused: bool) -> None:
    strategy = Resample(sampler)  # type: ignore[arg-type]
    strategy.check_inputs(Vectors(8))
    if not refused:
        strategy.check_inputs(Words(12, 4))
        return
    with pytest.raises(ConfigError, match=rf"{type(sampler).__name__} measures.*are words.*imbalance=oversample"):
        strategy.check_inputs(Words(12, 4))


@pytest.mark.extended
def test_an_imbalance_report_by_a_recurrent_network(reviews: Path, project: Path) -> None:
    given = [f"data.path={reviews}", "data.text=body", "data.label=stars", "data/encoder=words", "model=recurrent"]
    small = ["model.hidden=8", "model.embedding=4", "data.encoder.max_words=50"]
    with pytest.raises(ConfigError, match=r"Variant 'smote', seed 0: imbalance\.sampler: SMOTE"):
        run("text_imbalance", [*given, *small, *FEW], project)
    outcome = run("text_imbalance", [*given, *small, *FEW, "variant=none,oversample,text_augment"], project)  # fmt: skip
    assert outcome.failures == {}
    assert outcome.trained == 6
    assert outcome.cells["test/loss"].notna().all()


def test_texts_of_which_an_encoder_knows_no_word() -> None:
    encoder = WordEncoder(min_count=2, length=2)
    fitted = encoder.fit(["win win now", "now or never"])
    assert encoder.known(fitted, ["win it", "or never", "it is now", ""]).tolist() == [True, False, False, False]


def test_what_is_fitted_is_tried_on_the_training_texts_before_training() -> None:
    def table(texts: list[str], encoder: FittedEncoder) -> Table:
        labels = ["ab"[number % 2] for number in range(len(texts))]
        found = LabelledTexts(texts=texts, labels=labels, place="x", counts={}, notes=())
        return text_table(found, name="made_up", digest="d", classes=("a", "b"), encoder=encoder)

    rows = Rows(np.arange(8), np.array([8]), np.array([9]))
    texts = ["red apple", "green apple"] * 5
    assert Classification.try_preparation(table(texts, TfidfEncoder()), rows) == ({}, [])
    texts[0] = texts[8] = "?"
    counts, said = Classification.try_preparation(table(texts, TfidfEncoder()), rows)
    assert counts == {"texts_without_a_known_word": 2}
    assert said[0].startswith("2 of 10 texts hold no word that tfidf-sklearn-")
    texts[2] = texts[4] = "!"
    with pytest.raises(DataError, match=r"knows no word of 3 of the 4 training texts of class 'a', such as '\?'"):
        Classification.try_preparation(table(texts, TfidfEncoder()), rows)
    with pytest.raises(DataError, match="finds no term"):
        Classification.try_preparation(table(["a", "b"] * 5, TfidfEncoder()), rows)
