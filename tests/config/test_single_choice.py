"""Lists of choices for a config group are refused, typed, in a variant and in the defaults of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import strategies

from seedbed.cli.schedule_preview import preview
from seedbed.config.compose import hydra_settings
from seedbed.config.experiment import load_experiment
from seedbed.config.override_grammar import parse
from seedbed.config.single_choice import refuse_lists
from seedbed.errors import ConfigError
from tests.properties import Examine

GROUPS = ("optimizer", "data", "data/encoder", "search/pruner")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer=[adam,adamw]", "Pick one, optimizer=adam or optimizer=adamw; or run one job for each: -m optimizer=adam,adamw."),
        ("+data/encoder=[use,words]", "one job for each: -m data/encoder=use,words"),
        ("optimizer@other=[sgd,adam]", "Pick one, optimizer=sgd or optimizer=adam"),
        ("search/pruner=[none,median]", "Pick one, search/pruner=none or search/pruner=median."),
        ("optimizer=[adam]", "which is not a list. Write optimizer=adam."),
        ("data=[]", "Name one, such as data=CHOICE."),
    ],
)  # fmt: skip
def test_a_list_of_choices_is_refused(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_lists(parse([override]), GROUPS)
    assert str(refused.value).startswith(f"Override {override!r}: ")
    assert said in str(refused.value)


def test_one_choice_and_a_sweep_are_none(examine: Examine) -> None:
    names = strategies.lists(strategies.sampled_from(["adam", "sgd", "null", "3"]), min_size=1)

    def holds(group: str, choices: list[str]) -> None:
        refuse_lists(parse([f"{group}={','.join(choices)}", f"~{group}", "model.hidden=[3,4]"]), GROUPS)
        with pytest.raises(ConfigError, match="one choice"):
            refuse_lists(parse([f"{group}=[{','.join(choices)}]"]), GROUPS)

    examine(holds, group=strategies.sampled_from(GROUPS), choices=names)


@pytest.mark.slow
def test_wherever_it_stands(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    text = path.read_text()
    with pytest.raises(ConfigError, match=r"Override 'model=\[mlp,pixel_mlp\]': .* -m model=mlp,pixel_mlp"):
        load_experiment("messages", ["model=[mlp,pixel_mlp]"], bare_project)
    path.write_text(text.replace("[imbalance=oversample]", '["imbalance=[oversample,smote]"]'))
    with pytest.raises(ConfigError, match=r"of variant 'oversample': .*; or write a variant for each"):
        load_experiment("messages", [], bare_project)
    path.write_text(text.replace("override /model: mlp", "override /model: [mlp, pixel_mlp]"))
    with pytest.raises(
        ConfigError, match=r"messages\.yaml: its defaults list has 'override /model: \[mlp,pixel_mlp\]'"
    ):
        load_experiment("messages", [], bare_project)
    path.write_text(text.replace("defaults:\n", "defaults:\n  - override /hydra/launcher: [basic, joblib]\n"))
    with pytest.raises(ConfigError, match=r"hydra/launcher: \[basic,joblib\]"):
        hydra_settings("messages", [], bare_project)
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"Pick one, hydra/launcher=basic or hydra/launcher=joblib\."):
        hydra_settings("messages", ["hydra/launcher=[basic,joblib]"], bare_project)
    (bare_project / "data" / "mine.yaml").write_text("defaults: [text_csv, {override encoder: [tfidf, use]}]\n")
    (bare_project / "data" / "below.yaml").write_text("defaults: [mine]\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: its defaults list has 'override encoder: \[tfidf,use\]'"):
        load_experiment("messages", ["data=below"], bare_project)
    with pytest.raises(ConfigError, match="Pick one, optimizer=adam or optimizer=sgd"):
        preview("one_cycle", ["optimizer=[adam,sgd]"], steps_per_epoch=3)
