"""What an experiment's file sets for its own choice of a group, where another choice is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError
from tests.config.refusals import SPAM


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "overrides", "group", "left", "left_out"),
    [
        (SPAM, ["variant=none", "split=official"], "split", {"val": 0.1, "test": "published", "per_seed": True, "seed": 0, "strata": None}, ["split.train=0.7", "split.test=0.2"]),
        (SPAM, ["variant=none", "split=fixed"], "split", {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False, "seed": 0, "rare_classes": "error", "strata": None}, []),
        (SPAM, ["variant=none", "optimizer=sgd"], "optimizer", {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.01, "fused": True}, []),
        (SPAM, ["variant=none", "model=lenet"], "model", {}, ["model.hidden=[256, 128]", "model.dropout=0.0"]),
        (SPAM, ["variant=none", "model=recurrent"], "model", {"cell": "gru", "embedding": 64, "hidden": 64, "layers": 1, "dropout": 0.0}, ["model.hidden=[256, 128]"]),
        ("ratings", ["variant=dot_product", "split=leave_n_out"], "split", {"n": 1, "val": 1, "order": "time", "per_seed": True, "seed": 0}, ["split.val=0.1", "split.test=0.1"]),
        ("ratings", ["variant=dot_product", "split=leave_n_out", "split.val=2"], "split", {"n": 1, "val": 2, "order": "time", "per_seed": True, "seed": 0}, ["split.test=0.1"]),
        ("fastai_collab", ["variant=dot_product_bias", "split=folds"], "split", {"fold": 1}, ["split.val=0.2", "split.test=0.0", "split.keep_pairs_together=false"]),
        ("fastai_collab", ["variant=dot_product_bias", "data=ratings_csv"], "data", None, ["data.items=title"]),
        ("matrix_factorization", ["variant=rated_cells", "optimizer=adam"], "optimizer", {"lr": 1e-3, "weight_decay": 0.0, "fused": True}, ["optimizer.momentum=0.9"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_the_file_sets_for_its_own_choice_holds_for_another_where_it_fits(
    name: str, overrides: list[str], group: str, left: dict[str, Any] | None, left_out: list[str]
) -> None:
    experiment = load_experiment(name, overrides)
    settings = experiment.variants[0].config[group]
    if left is not None:
        assert {key: value for key, value in settings.items() if not key.startswith("_")} == left
    assert [note.rpartition(": ")[2] for note in experiment.notes] == ([f"{', '.join(left_out)}."] if left_out else [])


OWN_TARGET = """
# @package _global_
defaults: [override /data: messages, override /model: mlp, override /task: classification]
question: Does it work?
seeds: 1
model: {_target_: tests.config.test_choice_settings.own_network, _partial_: true, hidden: [8], width: 3}
variants: {own: [], mlp: [model=mlp], pixel: [model=pixel_mlp], small: [model=small]}
report: {metric: test/accuracy}
"""


def own_network(in_features: int, out_features: int, hidden: list[int], width: int, dropout: float = 0.1) -> nn.Module:
    return nn.Linear(in_features + width, out_features + len(hidden)) if dropout else nn.Identity()


@pytest.fixture
def own_target(bare_project: Path) -> Path:
    """A project whose experiment sets a _target_ in place of that of what it chooses."""
    (bare_project / "experiments" / "own_target.yaml").write_text(OWN_TARGET)
    (bare_project / "model").mkdir()
    (bare_project / "model" / "small.yaml").write_text("defaults: [mlp]\nhidden: [4]\n")
    return bare_project


@pytest.mark.slow
def test_a_choice_replaces_what_the_file_sets_for_a_target_of_its_own(own_target: Path) -> None:
    found = load_experiment("own_target", config_dir=own_target)
    models = {variant.name: variant.config["model"] for variant in found.variants}
    own = {
        "_target_": "tests.config.test_choice_settings.own_network",
        "_partial_": True,
        "hidden": [8],
        "dropout": 0.0,
        "width": 3,
    }
    mlp = {"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": [256, 128], "dropout": 0.0}
    assert models == {
        "own": own,
        "mlp": mlp,
        "pixel": mlp | {"_target_": "seedbed.models.mlp.PixelMlp"},
        "small": mlp | {"hidden": [4]},
    }
    left_out = "model._target_=tests.config.test_choice_settings.own_network, model._partial_=true, model.hidden=[8], model.width=3."
    assert [note.rpartition(": ")[2] for note in found.notes] == [left_out] * 3


@pytest.mark.parametrize(
    ("typed", "changed"),
    [
        (["model.hidden=[5]"], {"hidden": [5]}),
        (["model._target_=seedbed.models.mlp.PixelMlp"], {"_target_": "seedbed.models.mlp.PixelMlp"}),
    ],
)
def test_what_is_typed_is_what_is_trained(own_target: Path, typed: list[str], changed: dict[str, Any]) -> None:
    model = load_experiment("own_target", ["variant=own", "model=mlp", *typed], own_target).config["model"]
    mlp = {"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": [256, 128], "dropout": 0.0}
    assert model == mlp | changed


@pytest.mark.slow
def test_keys_of_hydras_are_no_arguments(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("hidden: [8]", "hidden: [8], _partial_: true, _convert_: all"))
    found = load_experiment("messages", ["variant=none", "model=pixel_mlp"], bare_project)
    assert found.notes == ()
    assert found.config["model"]["_convert_"] == "all"


def test_a_setting_that_is_typed_is_not_left_out() -> None:
    """It is refused where the choice is built, as it does not fit."""
    asked = ["variant=dot_product_bias", "split=folds", "split.val=0.3"]
    with pytest.raises(ConfigError, match=r"'split.val=0.3': split.val: seedbed.data.rating_splits.Folds has no such"):
        load_experiment("fastai_collab", asked)
