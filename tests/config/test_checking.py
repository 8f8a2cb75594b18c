"""Values and keys of a composed config that cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError
from seedbed.paths import resources
from tests.config.refusals import SPAM, assert_refused, first_override


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["seeds=0"], ["seeds=0", "seeds=10"]),
        (["seeds=[true]"], ["seeds=[true]"]),
        (["data=null"], ["data"]),
        (["tracking.uri=x"], ["tracking.uri", "known: checkpoints, experiment, pictures"]),
        (["seeds=[1,1]"], ["seed 1 appears twice"]),
        (["seeds=abc"], ["seeds=abc"]),
        (["select=bets"], ["select=bets", "last or best"]),
        (["lr_finder.steps=1000000000000"], ["from 2 to 100000"]),
        (["search.first=3"], ["search.first=3: give a list of mappings"]),
        (["search.first=[3]"], ["search.first=[3]: give a list of mappings"]),
        (["search.seconds=soon"], ["search.seconds=soon: give a number or null"]),
        (["search.seconds=true"], ["search.seconds=true: give a number or null"]),
        (["data.path=caf\udce9.csv"], [r"Override 'data.path=caf\xe9.csv': \xe9 is not a character of UTF-8"]),
        (["question=\ud83d"], [r"\ud83d is not a character of UTF-8"]),
        (["patience=0"], ["patience=0"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_values_that_cannot_work_are_refused(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


@pytest.mark.slow
def test_findings_in_an_experiment_are_refused_with_their_place(tmp_path: Path) -> None:
    text = (resources() / "experiments" / f"{SPAM}.yaml").read_text()
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text(
        text + "  findings: [{text: it is so, command: seedbed run mine}]\n"
    )
    with pytest.raises(ConfigError, match=r"published\.findings=.*it is so.*experiments/mine/findings\.yaml"):
        load_experiment("mine", config_dir=tmp_path)
