"""Experiments: their variants, their seeds, and templates of a variant."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.config.experiment import Template, load_experiment
from seedbed.errors import ConfigError
from tests.config.refusals import SPAM, assert_refused, first_override


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["variant=smot"], ["variant=smot", "did you mean 'smote'"]),
        (["variant=none,smot"], ["variant=smot"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_unknown_variants_are_refused(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


@pytest.mark.slow
def test_variants_and_seeds() -> None:
    experiment = load_experiment(SPAM, ["variant=smote,none", "seeds=[4,7]", "optimizer.lr=0.01"])
    assert [variant.name for variant in experiment.variants] == ["none", "smote"]
    assert experiment.seeds == (4, 7)
    assert experiment.variants[1].config["imbalance"]["sampler"]["k_neighbors"] == 5
    assert all(variant.config["optimizer"]["lr"] == 0.01 for variant in experiment.variants)


@pytest.mark.parametrize(
    ("typed", "restates"),
    [
        ("seeds=30", True),
        ("seeds=[0,1,2]", False),
        ("variant=[smote,none,class_weights,undersample,oversample,text_augment]", True),
        ("variant=[none]", False),
    ],
)
def test_what_asks_for_all_that_the_file_asks_for_restates_it(typed: str, restates: bool) -> None:
    experiment = load_experiment(SPAM, [typed, "optimizer.lr=1e-3", "optimizer.weight_decay=0"])
    assert experiment.restated == ((typed,) if restates else ()) + ("optimizer.lr=1e-3",)


@pytest.mark.slow
def test_null_picks_all_variants() -> None:
    assert len(load_experiment(SPAM, ["variant=null"]).variants) == 6


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ("variants: {}", "is empty"),
        ("variants: {none: imbalance=none}", "a name and a list of overrides"),
        ("variants: {none: [seeds=3]}", "belongs to the whole experiment"),
        (
            "variants: {none: [+loggers.csv._target_=pytorch_lightning.loggers.CSVLogger]}",
            "belongs to the whole experiment",
        ),
        ("variants: {none: [imbalance=nome]}", "did you mean 'none'"),
        ("variants: [", "cannot be read"),
        (
            "variants: {a: [data.path=b[1].csv]}",
            r"cannot be read: .*stands in double quotes, as in .*\"data.path=a\[1\].csv\"",
        ),
        ("variants: {a: [data.label=b: c]}", "a name and a list of overrides.*stands in double quotes"),
    ],
)
def test_a_broken_experiment_file_is_named(bare_project: Path, variants: str, said: str) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("variants:")] + variants + "\n" + text[text.index("report:") :])
    with pytest.raises(ConfigError, match=said):
        load_experiment("messages", config_dir=bare_project)


def test_a_template_notes_what_does_not_fit_a_choice_that_it_varies() -> None:
    experiment = load_experiment("ratings", ["variant=dot_product"])
    template = Template(experiment, experiment.variants[0])
    template.at("varied", ["split=leave_n_out"])
    assert [note.rpartition(": ")[2] for note in template.notes] == ["split.val=0.1, split.test=0.1."]
