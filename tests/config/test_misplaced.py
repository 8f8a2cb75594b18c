"""Overrides that would not do what they seem to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError
from tests.config.refusals import assert_refused, first_override


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["imbalance=none"], ["none, class_weights, undersample", "wrong name", "variant=NAME"]),
        (["imbalance.copies=3"], ["text_augment sets", "wrong name"]),
        (["variant=oversample", "imbalance._target_=seedbed.imbalance.base.Strategy"], ["wrong name"]),
        (["optimizer=[adam,sgd]"], ["one choice", "optimizer=adam or optimizer=sgd", "-m optimizer=adam,sgd"]),
        (["+optimizer=sgd"], ["chosen for optimizer already", "Write optimizer=sgd"]),
        (["optimizer@model=sgd"], ["Leave out '@model'"]),
        (["=3"], ["'=3'"]),
        (["experiments=other"], ["first argument"]),
        (["variants.none=[]"], ["stand in its file", "variant=NAME"]),
        (["~trainer.batch_size"], ["batch_size"]),
        (["~trainer"], ["trainer=CHOICE", "nothing is chosen"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_an_override_that_would_not_do_what_it_says_is_refused(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


def test_a_choice_of_the_users_with_seedbeds_name_is_refused(bare_project: Path) -> None:
    (bare_project / "model").mkdir()
    (bare_project / "model" / "mlp.yaml").write_text("_target_: mine.Net\n_partial_: true\n")
    with pytest.raises(ConfigError, match=r"mlp.yaml: seedbed has a config model/mlp of its own"):
        load_experiment("messages", config_dir=bare_project)


def test_an_override_inside_what_a_variant_sets_is_refused(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("  none: [imbalance=none]", "  none: ['trainer={max_epochs: 7}']"))
    with pytest.raises(ConfigError, match="wrong name"):
        load_experiment("messages", ["trainer.max_epochs=3"], bare_project)
