"""The six strategies of the spam benchmark: each sees one seed's training rows, and nothing else ever reaches training."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from seedbed.config.building import build
from seedbed.config.experiment import Experiment, load_experiment
from seedbed.data.encoders import HashEncoder
from seedbed.data.sms_spam import SmsSpam
from seedbed.data.splits import Rows
from seedbed.data.table import Progress, Table, group_numbers, normalise
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.class_weights import ClassWeights
from seedbed.imbalance.text_augment import TextAugment
from seedbed.running import planning
from seedbed.tasks.classification import Classification, LabelledRows
from seedbed.training.progress import Display

# Normal use prints nothing: a warning of imbalanced-learn or scikit-learn fails the test.
pytestmark = pytest.mark.filterwarnings("error")

SIX = ("none", "class_weights", "undersample", "oversample", "smote", "text_augment")
SEEDS = (0, 1, 2, 3, 4)
ENCODER = HashEncoder(dimensions=32)
HAM_WORDS = ["meet", "lunch", "home", "later", "train", "rain", "thanks", "tomorrow"]
SPAM_WORDS = ["win", "prize", "free", "cash", "urgent", "claim", "ticket", "now"]


# ---- made-up data ----------------------------------------------------------------------------------------------------


def table_of(messages: Sequence[tuple[str, str]]) -> Table:
    classes, texts = ("ham", "spam"), [text for _, text in messages]
    return Table(
        name="made_up",
        digest="0" * 64,
        features=ENCODER.encode(texts),
        labels=np.array([classes.index(label) for label, _ in messages], dtype=np.int64),
        classes=classes,
        groups=group_numbers(map(normalise, texts)),
        texts=tuple(texts),
        counts={},
        notes=(),
    )


def token(row: int) -> str:
    """Names a row inside its text. Two tokens differ in two places at least, so that no single typo makes another's."""
    return f"id{row:02d}{row:02d}"


def messages_with_tokens(ham: int = 50, spam: int = 10) -> Table:
    rng = np.random.default_rng(1)
    labels = ["ham"] * ham + ["spam"] * spam
    words = {"ham": HAM_WORDS, "spam": SPAM_WORDS}
    return table_of(
        [(label, f"{' '.join(rng.choice(words[label], 7))} {token(row)}") for row, label in enumerate(labels)]
    )


def messages_sent_twice() -> Table:
    """20 texts, each twice, once in capitals, and one more of which the two copies differ in label."""
    texts = [("ham", f"see you at {hour} for lunch") for hour in range(12)]
    texts += [("spam", f"win {prize}00 pounds cash now") for prize in range(8)]
    twice = [(label, form(text)) for label, text in texts for form in (str, str.upper)]
    return table_of([*twice, ("ham", "call me back today"), ("spam", "Call me  back today")])


TOKENS = messages_with_tokens()


@dataclass
class Prepared:
    """One seed under one strategy, and the texts that were encoded for it."""

    table: Table
    rows: Rows
    data: LabelledRows
    encoded: list[str]

    @property
    def features(self) -> np.ndarray:
        """All that the network will train on."""
        chosen = self.table.features[self.rows.train[self.data.resampled.source]]
        new = self.data.resampled.features
        return chosen if new is None else np.concatenate([chosen, new])

    @property
    def labels(self) -> np.ndarray:
        chosen = self.table.labels[self.rows.train[self.data.resampled.source]]
        new = self.data.resampled.labels
        return chosen if new is None else np.concatenate([chosen, new])

    @property
    def texts(self) -> set[str]:
        """The messages trained on, changed copies too, in the form in which messages are compared."""
        assert self.table.texts is not None
        chosen = [self.table.texts[row] for row in self.rows.train[self.data.resampled.source]]
        return {normalise(text) for text in [*chosen, *self.encoded]}

    @property
    def counts(self) -> list[int]:
        return np.bincount(self.labels, minlength=2).tolist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return load_experiment("spam_imbalance")


@pytest.fixture(scope="module")
def strategies(experiment: Experiment) -> dict[str, Strategy]:
    return {variant.name: build(variant.config["imbalance"], "imbalance") for variant in experiment.variants}


def split_of(experiment: Experiment, name: str, table: Table, seed: int) -> Rows:
    """The split as the variant itself configures it."""
    variant = next(variant for variant in experiment.variants if variant.name == name)
    rows: Rows = build(variant.config["split"], "split").rows(table, seed)
    return rows


def prepare(table: Table, rows: Rows, strategy: Strategy, seed: int) -> Prepared:
    encoded: list[str] = []

    def encode(texts: Sequence[str], progress: Progress | None) -> np.ndarray:
        encoded.extend(texts)
        return ENCODER.encode(texts)

    counts = np.bincount(table.labels[rows.train], minlength=2).tolist()
    strategy.check(dict(zip(table.classes, counts, strict=True)))
    return Prepared(table, rows, Classification.seed_data(replace(table, encode=encode), rows, strategy, seed), encoded)


# ---- the rows that are measured on -----------------------------------------------------------------------------------


def test_the_experiment_has_the_six_strategies(strategies: dict[str, Strategy]) -> None:
    assert tuple(strategies) == SIX


@pytest.mark.parametrize("seed", SEEDS)
def test_validation_and_test_rows_are_the_same_under_all_six(
    experiment: Experiment, strategies: dict[str, Strategy], seed: int
) -> None:
    made = {
        name: prepare(TOKENS, split_of(experiment, name, TOKENS, seed), strategies[name], seed).data.rows
        for name in SIX
    }
    for rows in made.values():
        for side in ("train", "val", "test"):
            assert getattr(rows, side).tobytes() == getattr(made["none"], side).tobytes()
    # As imbalanced as the data: 10 of 60 rows are spam.
    assert np.bincount(TOKENS.labels[made["none"].test]).tolist() == [10, 2]
    assert np.bincount(TOKENS.labels[made["none"].val]).tolist() == [5, 1]


def test_the_counts_that_are_trained_on(experiment: Experiment, strategies: dict[str, Strategy]) -> None:
    counts = {name: prepare(TOKENS, split_of(experiment, name, TOKENS, 0), strategies[name], 0).counts for name in SIX}
    ham, spam = counts["none"]
    assert counts == {
        "none": [ham, spam],
        "class_weights": [ham, spam],
        "undersample": [spam, spam],
        "oversample": [ham, ham],
        "smote": [ham, ham],
        "text_augment": [ham, 6 * spam],
    }
    assert (ham, spam) == (35, 7)


# ---- the rows that are trained on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SIX)
def test_every_row_derives_from_a_training_row(
    experiment: Experiment, strategies: dict[str, Strategy], name: str, seed: int
) -> None:
    prepared = prepare(TOKENS, split_of(experiment, name, TOKENS, seed), strategies[name], seed)
    seen = {found for text in prepared.texts for found in re.findall(r"id\d{4}", text)}
    held_out = {token(row) for row in [*prepared.rows.val, *prepared.rows.test]}
    assert not seen & held_out
    assert seen >= {token(row) for row in prepared.rows.train} or name == "undersample"
    source = prepared.data.resampled.source
    assert np.all((source >= 0) & (source < len(prepared.rows.train)))


@pytest.mark.parametrize("seed", SEEDS)
def test_smote_rows_are_convex_combinations_of_two_training_rows(
    experiment: Experiment, strategies: dict[str, Strategy], seed: int
) -> None:
    prepared = prepare(TOKENS, split_of(experiment, "smote", TOKENS, seed), strategies["smote"], seed)
    new = prepared.data.resampled.features
    assert new is not None
    assert len(new) == 35 - 7
    spam = TOKENS.features[prepared.rows.train][TOKENS.labels[prepared.rows.train] == 1].astype(float)
    for row in new.astype(float):
        assert any(on_segment(row, start, end) for start in spam for end in spam)
    everything = {features.tobytes() for features in TOKENS.features}
    assert not any(row.tobytes() in everything for row in new)


def on_segment(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> bool:
    step = end - start
    along = np.clip((point - start) @ step / max(float(step @ step), 1e-12), 0, 1)
    return float(np.abs(start + along * step - point).max()) < 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_changed_copies_are_made_of_the_message_that_they_name(
    experiment: Experiment, strategies: dict[str, Strategy], seed: int
) -> None:
    augment = strategies["text_augment"]
    assert isinstance(augment, TextAugment)
    prepared = prepare(TOKENS, split_of(experiment, "text_augment", TOKENS, seed), augment, seed)
    origin = prepared.data.resampled.origin
    assert origin is not None
    assert TOKENS.texts is not None
    rows = prepared.rows.train[origin]
    assert np.all(TOKENS.labels[rows] == 1)
    assert sorted(set(rows.tolist())) == [row for row in prepared.rows.train if TOKENS.labels[row] == 1]
    expected = [copy for row in rows[::5] for copy in augment.changed_copies(TOKENS.texts[row], seed, int(row))]
    assert prepared.encoded == expected
    for row, copy in zip(rows, prepared.encoded, strict=True):
        # At most one word in ten, so one of these eight, is new or misspelt; the others are the message's own.
        assert len(set(copy.split()) - set(TOKENS.texts[row].split())) <= 1
        assert not (set(re.findall(r"id\d{4}", copy)) - {token(int(row))}) & set(map(token, range(60)))


@pytest.mark.parametrize("name", SIX)
def test_rows_outside_training_could_be_anything(
    experiment: Experiment, strategies: dict[str, Strategy], name: str
) -> None:
    """Their features become NaN, their labels swap, their texts change: the seed trains on the same bytes."""
    rows = split_of(experiment, name, TOKENS, 3)
    outside = np.concatenate([rows.val, rows.test])
    features, labels, texts = TOKENS.features.copy(), TOKENS.labels.copy(), list(TOKENS.texts or ())
    features[outside] = np.nan
    labels[outside] = 1 - labels[outside]
    for row in outside:
        texts[row] = "POISON"
    poisoned = Table(**{**vars(TOKENS), "features": features, "labels": labels, "texts": tuple(texts)})
    clean, other = prepare(TOKENS, rows, strategies[name], 3), prepare(poisoned, rows, strategies[name], 3)
    assert np.isfinite(other.features).all()
    assert other.features.tobytes() == clean.features.tobytes()
    assert other.labels.tobytes() == clean.labels.tobytes()
    assert other.encoded == clean.encoded
    weights, expected = other.data.resampled.class_weights, clean.data.resampled.class_weights
    assert (weights is None and expected is None) or np.array_equal(weights, expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SIX)
def test_duplicates_never_stand_on_two_sides(
    experiment: Experiment, strategies: dict[str, Strategy], name: str, seed: int
) -> None:
    table = messages_sent_twice()
    assert table.texts is not None
    rows = split_of(experiment, name, table, seed)
    trained = prepare(table, rows, strategies[name], seed).texts
    val, test = ({normalise(table.texts[row]) for row in side} for side in (rows.val, rows.test))
    assert trained
    assert val
    assert test
    assert not trained & val
    assert not trained & test
    assert not val & test


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif("SEEDBED_DATA" not in os.environ, reason="SEEDBED_DATA is not set")
def test_the_real_duplicates_never_stand_on_two_sides(experiment: Experiment, strategies: dict[str, Strategy]) -> None:
    table = SmsSpam(root=os.environ["SEEDBED_DATA"], edition="full", encoder=ENCODER).load()
    assert table.texts is not None
    counts = {}
    for name in SIX:
        rows = split_of(experiment, name, table, 0)
        held_out = {normalise(table.texts[row]) for row in [*rows.val, *rows.test]}
        prepared = prepare(table, rows, strategies[name], 0)
        chosen = {normalise(table.texts[row]) for row in rows.train[prepared.data.resampled.source]}
        assert not chosen & held_out
        counts[name] = prepared.counts
    ham, spam = counts["none"]
    assert (ham, spam) == (3379, 523)
    assert counts["undersample"] == [spam, spam]
    assert counts["oversample"] == counts["smote"] == [ham, ham]
    assert counts["text_augment"] == [ham, 6 * spam]


# ---- class weights ---------------------------------------------------------------------------------------------------


def test_class_weights_are_the_inverse_frequency_of_the_seeds_training_rows() -> None:
    """8 ham and 2 spam: 10 / (2 * 8) and 10 / (2 * 2). The other rows of the table do not count."""
    rows = Rows(train=np.array([*range(8), 50, 51]), val=np.arange(8, 50), test=np.arange(52, 60))
    made = prepare(TOKENS, rows, ClassWeights(), 0).data.resampled
    assert made.class_weights is not None
    assert made.class_weights.tolist() == [0.625, 2.5]
    assert made.source.tolist() == list(range(10))
    assert made.features is None


def test_seeds_of_other_counts_have_other_weights() -> None:
    few = Rows(train=np.array([*range(9), 50]), val=np.arange(9, 50), test=np.arange(51, 60))
    made = prepare(TOKENS, few, ClassWeights(), 0).data.resampled
    assert made.class_weights is not None
    np.testing.assert_allclose(made.class_weights, [10 / 18, 5.0], rtol=1e-6)


def test_a_class_without_rows_has_no_weight() -> None:
    with pytest.raises(ConfigError, match="class 'spam' has no training row"):
        ClassWeights().check({"ham": 10, "spam": 0})


# ---- seeds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIX)
def test_a_seeds_rows_do_not_depend_on_the_seeds_before(
    experiment: Experiment, strategies: dict[str, Strategy], name: str
) -> None:
    def bytes_of(strategy: Strategy, seed: int) -> bytes:
        prepared = prepare(TOKENS, split_of(experiment, name, TOKENS, seed), strategy, seed)
        return prepared.features.tobytes() + prepared.labels.tobytes()

    rising = {seed: bytes_of(strategies[name], seed) for seed in SEEDS}
    assert {seed: bytes_of(strategies[name], seed) for seed in reversed(SEEDS)} == rising
    variant = next(variant for variant in experiment.variants if variant.name == name)
    alone = build(variant.config["imbalance"], "imbalance")
    assert bytes_of(alone, SEEDS[-1]) == rising[SEEDS[-1]]


@pytest.mark.parametrize("name", ["undersample", "oversample", "smote", "text_augment"])
def test_two_seeds_draw_differently_from_the_same_rows(
    experiment: Experiment, strategies: dict[str, Strategy], name: str
) -> None:
    rows = split_of(experiment, name, TOKENS, 0)
    made = [prepare(TOKENS, rows, strategies[name], seed).features.tobytes() for seed in (0, 0, 1)]
    assert made[0] == made[1]
    assert made[0] != made[2]


# ---- errors before any training --------------------------------------------------------------------------------------


def test_the_runner_refuses_smote_with_too_few_rows_before_training(bare_project: Path) -> None:
    experiment = load_experiment("smote_only", config_dir=bare_project)
    with pytest.raises(ConfigError) as error:
        planning.plan_experiment(experiment, Display(quiet=True))
    message = str(error.value)
    for part in ("Variant 'smote', seed 0", "imbalance.sampler.k_neighbors=40", "class 'spam' has 14", "max k = 13"):
        assert part in message
    assert "\n" not in message


def test_the_runner_points_a_lone_row_to_random_over_sampling(bare_project: Path) -> None:
    experiment = load_experiment(
        "smote_only", ["data.spam=3", "split={train: 0.34, val: 0.33, test: 0.33}"], bare_project
    )
    with pytest.raises(ConfigError, match=r"class 'spam' has 1.*random over-sampling"):
        planning.plan_experiment(experiment, Display(quiet=True))


def test_an_impossible_ratio_needs_no_data_to_be_refused() -> None:
    experiment = load_experiment("spam_imbalance", ["variant=undersample", "imbalance.sampler.sampling_strategy=2.0"])
    with pytest.raises(ConfigError, match=r"imbalance\.sampler\.sampling_strategy=2\.0: .*\(0, 1\]"):
        build(experiment.variants[0].config["imbalance"], "imbalance")


def test_the_runner_refuses_an_impossible_ratio_before_it_loads_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "load_table", lambda *_, **__: pytest.fail("the data were loaded first"))
    experiment = load_experiment("spam_imbalance", ["variant=undersample", "imbalance.sampler.sampling_strategy=2.0"])
    with pytest.raises(ConfigError, match=r"sampling_strategy=2\.0"):
        planning.plan_experiment(experiment, Display(quiet=True))
