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
        (
            "variants: {none: imbalance=none}",
            r"messages.yaml: variants: none is 'imbalance=none', .* Write 'none: \[imbalance=none\]'",
        ),
        ("variants: {none: [seeds=3]}", "belongs to the whole experiment"),
        (
            "variants: {none: [+loggers.csv._target_=pytorch_lightning.loggers.CSVLogger]}",
            "belongs to the whole experiment",
        ),
        ("variants: {none: [imbalance=nome]}", "did you mean 'none'"),
        ("variants: [", "cannot be read"),
        (
            "variants: {a: [data.path=b[1].csv]}",
            r"cannot be read: line \d+ .* needs quotes. Write variants: \{a: \[\"data.path=b\[1\].csv\"\]\}",
        ),
        ("variants: {a: [data.label=b: c]}", r"is a mapping, and no override. Write \"data.label=b: c\""),
        ("variants: {a: [imbalance=none, imbalance=smote]}", "'a' chooses twice of group 'imbalance'"),
    ],
)
def test_a_broken_experiment_file_is_named(bare_project: Path, variants: str, said: str) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("variants:")] + variants + "\n" + text[text.index("report:") :])
    with pytest.raises(ConfigError, match=said):
        load_experiment("messages", config_dir=bare_project)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("metric: test/accuracy, ", "", "report.metric has no value. Write 'report: {metric: test/accuracy}' there"),
        ("seeds: 3\n", "", "seeds has no value. Write 'seeds: 10' there, or give it on the command line as seeds=10"),
        ("  - override /task: classification\n", "", "task: nothing is chosen. Add '- override /task: CHOICE' to the defaults"),
        ("  - override /model: mlp\n", "", "model.hidden: nothing is chosen that has this setting. Add '- override /model"),
        ("max_epochs: 2", "max_epochs: '2'", "a whole number from 1 to 1000000. It stands in quotes, which make it text"),
        ("hidden: [8]", "hidden: [8], dropout: '0.1'", "give a number. It stands in quotes"),
        ("test/accuracy", "accuracy", "did you mean 'test/accuracy'"),
        ("test/accuracy", "test/rmse", "it is a metric of task=cold_start, matrix, rating, regression, and Classification"),
        ("[imbalance=oversample]", "[imbalance = oversample]", "write it without blanks and dashes, imbalance=oversample"),
        ("[imbalance=oversample]", "['imbalance:oversample']", "it has no equals sign. Write imbalance=oversample"),
        ("[imbalance=oversample]", "[~trainer.batch_size]", "trainer.batch_size is taken away. Give it a value, or leave out"),
    ],
)  # fmt: skip
def test_what_lacks_or_is_written_otherwise_is_named_with_its_remedy(
    bare_project: Path, right: str, wrong: str, said: str
) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    with pytest.raises(ConfigError) as error:
        load_experiment("messages", config_dir=bare_project)
    assert said in str(error.value)


def test_a_template_notes_what_does_not_fit_a_choice_that_it_varies() -> None:
    experiment = load_experiment("ratings", ["variant=dot_product"])
    template = Template(experiment, experiment.variants[0])
    template.at("varied", ["split=leave_n_out"])
    assert [note.rpartition(": ")[2] for note in template.notes] == ["split.val=0.1, split.test=0.1."]
