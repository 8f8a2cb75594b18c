"""Training on pictures: as on their pixels in a row, without copies, and by passes that are drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from PIL import Image

from seedbed.data.network_inputs import Pictures
from seedbed.data.published_splits import AsPublished
from seedbed.data.splits import GroupStratifiedSplit, Rows
from seedbed.data.table import Table
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Resampled, Strategy, TrainingRows
from seedbed.imbalance.class_weights import ClassWeights
from seedbed.imbalance.resample import Resample
from seedbed.report.analysis import analyse
from seedbed.running.runner import run
from seedbed.serving.building import predictor_of
from seedbed.stacking.batches import FixedBatches, ShuffledBatches
from seedbed.tasks.classification import Classification, LabelledRows
from seedbed.trained.loading import find_variant
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.test_against_reference import config, curve

MODEL = {"_target_": "seedbed.models.mlp.PixelMlp", "_partial_": True, "hidden": [8], "dropout": 0.0}


def pictures(rows: int = 120) -> Table:
    """Noise, brighter at the top in the second class, which has a third of the rows; the last sixth is for tests."""
    rng = np.random.default_rng(5)
    labels = (np.arange(rows) % 3 == 0).astype(np.int64)
    pixels = rng.integers(0, 200, (rows, 2, 4, 3), dtype=np.uint8)
    pixels[labels == 1, :, :2] += 50
    return Table(
        name="noise",
        digest="n" * 64,
        features=pixels,
        labels=labels,
        classes=("dark", "light"),
        groups=np.arange(rows),
        texts=None,
        counts={},
        notes=(),
        of_features=Pictures(2, 4, 3),
        parts=np.where(np.arange(rows) < rows * 5 // 6, 0, 2).astype(np.int8),
    )


TABLE = pictures()


def rows_of(seed: int) -> Rows:
    return GroupStratifiedSplit().rows(TABLE, seed)


def data_of(table: Table, seeds: list[int], rows: Callable[[int], Rows] = rows_of) -> list[LabelledRows]:
    return [Classification.seed_data(table, rows(seed), Strategy(), seed) for seed in seeds]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["64-true", "32-true"])
def test_pictures_train_as_their_pixels_in_a_row(precision: str) -> None:
    numbers = (TABLE.features / 255).astype(np.float64 if precision == "64-true" else np.float32)
    flat = replace(TABLE, features=numbers.reshape(len(numbers), -1), of_features=None)
    settings = {"precision": precision, "max_epochs": 2}
    seen = StackTrainer(config(model=MODEL, **settings), TABLE).train(data_of(TABLE, [0, 4]))
    mlp = {**MODEL, "_target_": "seedbed.models.mlp.mlp"}
    expected = StackTrainer(config(model=mlp, **settings), flat).train(data_of(flat, [0, 4]))
    close = 1e-10 if precision == "64-true" else 1e-5
    for one, other in zip(seen, expected, strict=True):
        assert curve(one, "val/loss") == pytest.approx(curve(other, "val/loss"), abs=close)
        assert one.metrics["test/loss"] == pytest.approx(other.metrics["test/loss"], abs=close)


def test_bytes_become_numbers_from_0_to_1_of_the_trainers_precision() -> None:
    inputs, rows = Pictures(1, 1, 3), torch.tensor([[[[[0, 51, 255]]]]], dtype=torch.uint8)
    assert inputs.ready(rows).flatten().tolist() == pytest.approx([0, 0.2, 1])
    assert inputs.ready(rows).shape == rows.shape
    assert inputs.ready(rows).dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert inputs.ready(rows).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    example = inputs.example(5, torch.Generator().manual_seed(0))
    assert example.shape == (5, 1, 1, 3)
    assert example.min() >= 0
    assert example.max() <= 1


def test_the_pictures_are_held_once_for_all_seeds() -> None:
    data = Classification.stack_data(TABLE, data_of(TABLE, [0, 1, 2]))
    assert data.arguments["features"].data_ptr() == TABLE.features.ctypes.data


class Unread(np.ndarray):
    """Pictures that nobody may gather."""

    def __getitem__(self, key: Any) -> Any:
        raise AssertionError("the pictures of the training rows were copied")


@pytest.mark.parametrize(
    "strategy",
    [Strategy(), ClassWeights(), Resample(RandomOverSampler()), Resample(RandomUnderSampler())],
    ids=["none", "class_weights", "oversample", "undersample"],
)
def test_strategies_that_choose_whole_rows_do_not_look_at_them(strategy: Strategy) -> None:
    table, rows = replace(TABLE, features=TABLE.features.view(Unread)), rows_of(3)
    Classification.check(table, rows, strategy)
    resampled = Classification.seed_data(table, rows, strategy, 3).resampled
    flat = replace(TABLE, features=np.zeros((120, 1), dtype=np.float32), of_features=None)
    assert resampled.source.tolist() == Classification.seed_data(flat, rows, strategy, 3).resampled.source.tolist()
    counts = np.bincount(TABLE.labels[rows.train[resampled.source]])
    assert (counts[0] == counts[1]) == isinstance(strategy, Resample)


def test_a_strategy_of_ones_own_sees_the_pictures_of_its_training_rows() -> None:
    class Dimmed(Strategy):
        def apply(self, rows: TrainingRows, seed: int, encode: Any) -> Resampled:
            assert np.array_equal(rows.features, TABLE.features[rows.rows])
            return Resampled(np.arange(len(rows.labels)), rows.features // 2, rows.labels)

    data = [Classification.seed_data(TABLE, rows_of(0), Dimmed(), 0)]
    stack = Classification.stack_data(TABLE, data)
    train = rows_of(0).train
    assert stack.train[0].tolist() == [*train, *range(120, 120 + len(train))]
    assert stack.arguments["features"].dtype == torch.uint8
    assert np.array_equal(stack.arguments["features"][120:], TABLE.features[train] // 2)


@pytest.mark.parametrize("made", [TABLE.features[:4] * 0.9, TABLE.features[:4].reshape(4, -1)])
def test_rows_that_a_strategy_makes_must_be_pictures_too(made: np.ndarray) -> None:
    class Makes(Strategy):
        def apply(self, rows: TrainingRows, seed: int, encode: Any) -> Resampled:
            return Resampled(np.arange(len(rows.labels)), made, rows.labels[:4])

    with pytest.raises(ConfigError, match=r"has made rows of shape .*those of the table have \(2, 4, 3\) and uint8"):
        Classification.stack_data(TABLE, [Classification.seed_data(TABLE, rows_of(0), Makes(), 0)])


@pytest.mark.parametrize("sampler", [SMOTE(), RandomOverSampler(shrinkage=0.1)])
def test_samplers_that_measure_distances_are_refused(sampler: Any) -> None:
    with pytest.raises(ConfigError, match=r"measures distances between rows.*these rows are pictures.*oversample"):
        Classification.check(TABLE, rows_of(0), Resample(sampler))


def test_a_network_that_takes_other_arguments_is_told_what_there_is() -> None:
    mlp = {**MODEL, "_target_": "seedbed.models.mlp.mlp"}
    with pytest.raises(
        ConfigError, match="asks for in_features, and these data offer channels, height, width, out_features"
    ):
        StackTrainer(config(model=mlp), TABLE)


def test_settings_that_a_network_does_not_take_are_named() -> None:
    """An experiment that has them is refused before, when it is loaded."""
    lenet = {"_target_": "seedbed.models.lenet.lenet", "_partial_": True, "hidden": [8], "dropout": 0.0}
    with pytest.raises(ConfigError, match=r"lenet\(\) got an unexpected keyword argument 'hidden'"):
        StackTrainer(config(model=lenet), TABLE)


# ---- rows drawn anew at every pass -----------------------------------------------------------------------------------


def mixed(seed: int) -> Rows:
    return AsPublished(val=20, buffer=30, batch_size=8).rows(TABLE, seed)


def test_batches_are_those_of_the_pass() -> None:
    drawn = [mixed(seed) for seed in (0, 1)]
    passes = [rows.passes for rows in drawn if rows.passes is not None]
    stack = Classification.stack_data(TABLE, data_of(TABLE, [0, 1], mixed))
    train = ShuffledBatches(stack.train, [0, 1], batch_size=8, steps_per_chunk=3, draw=stack.draw("train"))
    val = FixedBatches(stack.val, batch_size=7, draw=stack.draw("val"))
    test = FixedBatches(stack.test, batch_size=7)
    assert (train.steps_of_seeds, len(train), len(val)) == ([10, 10], 4, 3)
    for epoch in range(3):
        steps = torch.cat([chunk.index for chunk in train])  # (K, S, B)
        parts = torch.cat([part.index for part in val], dim=1)
        tested = torch.cat([part.index for part in test], dim=1)
        for position in (0, 1):
            assert steps[:, position].flatten().tolist() == passes[position].train(epoch).tolist()
            assert parts[position].tolist() == passes[position].val(epoch).tolist()
            assert tested[position].tolist() == drawn[position].test.tolist()


@dataclass(frozen=True)
class Noted:
    """Passes that say when they are asked for rows."""

    rows: Rows
    asked: list[tuple[str, int]] = field(default_factory=list)

    def train(self, epoch: int) -> np.ndarray:
        self.asked.append(("train", epoch))
        assert self.rows.passes is not None
        return self.rows.passes.train(epoch)

    def val(self, epoch: int) -> np.ndarray:
        self.asked.append(("val", epoch))
        assert self.rows.passes is not None
        return self.rows.passes.val(epoch)


def test_each_epoch_trains_and_validates_by_one_pass_of_its_own() -> None:
    noted = Noted(mixed(0))
    data = data_of(TABLE, [0], lambda seed: replace(noted.rows, passes=noted))
    StackTrainer(config(model=MODEL, max_epochs=3, batch_size=8), TABLE).train(data)
    assert noted.asked == [(side, epoch) for epoch in range(3) for side in ("train", "val")]


@pytest.mark.slow
def test_a_seed_of_drawn_passes_gives_the_same_alone_and_among_others() -> None:
    trainer = StackTrainer(config(model=MODEL, max_epochs=3, batch_size=8), TABLE)
    together = trainer.train(data_of(TABLE, [2, 5, 9], mixed))
    (alone,) = trainer.train(data_of(TABLE, [5], mixed))
    for metric in ("train/loss", "val/loss"):
        assert curve(together[1], metric) == pytest.approx(curve(alone, metric), abs=1e-10)
    assert together[1].metrics["test/accuracy"] == alone.metrics["test/accuracy"]


def test_what_needs_training_rows_that_stay_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Resample chooses rows to train on once.*imbalance=none or class_weights"):
        Classification.check(TABLE, mixed(0), Resample(RandomUnderSampler()))
    Classification.check(TABLE, mixed(0), ClassWeights())
    prepared = replace(TABLE, preparation=object())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="prepared by what is fitted"):
        Classification.check(prepared, mixed(0), Strategy())


# ---- from a folder to the report -------------------------------------------------------------------------------------

EXPERIMENT = """
# @package _global_
defaults:
  - override /data: image_folder
  - override /split: SPLIT
  - override /model: pixel_mlp
  - override /task: classification
seeds: 2
data: {size: [4, 3], path: pics}
split: {val: 12}
model: {hidden: [8]}
trainer: {max_epochs: 2, batch_size: 4, accelerator: cpu}
tracking: {pictures: false}
variants:
  none: [imbalance=none]
  class_weights: [imbalance=class_weights]
report: {metric: test/accuracy, baseline: none}
"""


@pytest.fixture
def folder(project: Path) -> Path:
    """A project with a folder of pictures in parts, one of which is in both."""
    for row, pixels in enumerate(TABLE.features[:80]):
        part = "test" if row % 4 == 0 else "train"
        path = project / "pics" / part / TABLE.classes[TABLE.labels[row]] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.pad(pixels, ((0, 1), (0, 0), (0, 0))).transpose(1, 2, 0)).save(path)
    one = next((project / "pics" / "train" / "dark").iterdir())
    (project / "pics" / "test" / "dark" / "again.png").write_bytes(one.read_bytes())
    return project


@pytest.mark.slow
def test_a_folder_of_ones_own_from_files_to_the_report(folder: Path) -> None:
    for split in ("official", "as_published"):
        (folder / "experiments" / f"{split}.yaml").write_text(EXPERIMENT.replace("SPLIT", split).strip())
        outcome = run(split, config_dir=folder)
        assert (outcome.trained, outcome.failures) == (4, {})
        data = outcome.results.data
        assert (data["same_split"], data["same_test"]) == (False, True)
        of_test = analyse(outcome.results)
        of_val = replace(of_test, metric="val/accuracy")
        assert (of_test.shared, of_test.design) == ("are tested on the same rows", "fixed")
        assert of_val.design == "resampled"
        if split == "official":
            assert data["split"] == {"train": 48, "val": 12, "test": 21}
            assert data["split_counts"] == {"test_rows_equal_to_others": 1}
        else:
            assert data["split"] == {"train": 48, "val": 12, "test": 20}
            assert data["split_counts"]["validation_rows_that_train_in_the_same_epoch"] > 0
            assert any(note.startswith("ROWS MIX as published") for note in data["notes"])


@pytest.mark.slow
def test_pictures_are_not_served_yet(folder: Path) -> None:
    (folder / "experiments" / "seen.yaml").write_text(EXPERIMENT.replace("SPLIT", "official").strip())
    run("seen", ["variant=none", "seeds=1", "trainer.max_epochs=1"], config_dir=folder)
    with pytest.raises(ConfigError, match="'seen' is about pictures, which cannot be served or predicted yet"):
        predictor_of(find_variant("seen", config_dir=folder))
