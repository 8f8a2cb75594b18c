"""Two launches side by side, on made-up messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from seedbed.cli.diff import Side, _cut, _outcomes, differences
from seedbed.cli.main import main
from seedbed.errors import SeedbedError
from seedbed.results import Results
from seedbed.running.runner import Outcome, run
from seedbed.statistics import compare, summary
from seedbed.tracking.names import ENVIRONMENT
from tests.declared import DECLARED
from tests.running.test_runner import store_of
from tests.stored import client_of


def section(text: str, title: str) -> dict[str, list[str]]:
    """The rows below a title, by their key."""
    below = text.split(f"{title}:\n")[1].splitlines()[1:]
    rows = []
    for line in below:
        if not line.startswith("  "):
            break
        rows.append(line.split())
    return {row[0]: row[1:] for row in rows}


@pytest.mark.slow
def test_only_what_differs_is_shown_and_results_side_by_side(trained_project: Path, first_outcome: Outcome) -> None:
    first, asked = first_outcome, ["optimizer.lr=0.01", "variant=none", "seeds=4", "trainer.max_epochs=1"]
    second = run("messages", asked, config_dir=trained_project)
    done = CliRunner().invoke(main, ["diff", "messages~1", second.launch[:8], "--config-dir", str(trained_project)])
    assert done.exit_code == 0, done.output
    text = done.output
    lines = text.splitlines()
    assert lines[0].split()[:3] == ["A", "messages", first.launch[:8]]
    assert lines[3].strip().startswith("seedbed run messages optimizer.lr=0.01")
    assert "variants: in both none; only in A oversample" in lines
    assert "seeds: in both 0 to 2; only in B 3" in lines
    assert section(text, "config") == {"optimizer.lr": ["0.001", "0.01"], "trainer.max_epochs": ["2", "1"]}
    assert {"data: same", "environment: same", "recipe version: 2"} <= set(lines)
    (row,) = [line for line in lines if line.startswith("none ")]
    means = [summary(outcome.results.values("none", "test/accuracy")) for outcome in (first, second)]
    shown = row.replace("±", " ").split()
    assert [float(shown[1]), float(shown[4])] == pytest.approx([mean.mean for mean in means], abs=1e-3)
    assert [float(shown[2]), float(shown[5])] == pytest.approx([mean.std for mean in means], abs=1e-3)
    assert [shown[3], shown[6]] == ["3", "4"]
    pairs = [outcome.results.values("none", "test/accuracy")[[0, 1, 2]] for outcome in (first, second)]
    assert float(shown[7]) == pytest.approx((pairs[1] - pairs[0]).mean(), abs=1e-3)
    assert row.endswith("other cells, 3 seeds in both")
    assert "Do not compare" not in text


@pytest.mark.slow
def test_the_same_cells_and_a_variants_own_config(trained_project: Path) -> None:
    path = trained_project / "experiments" / "messages.yaml"
    path.write_text(
        path.read_text().replace("[imbalance=oversample]", "[imbalance=smote, imbalance.sampler.k_neighbors=3]")
    )
    a = run("messages", ["seeds=2"], config_dir=trained_project).launch
    path.write_text(path.read_text().replace("k_neighbors=3", "k_neighbors=4"))
    b = run("messages", ["seeds=[0,1]", "report.metric=test/f1"], config_dir=trained_project).launch
    text = differences(a, b, config_dir=trained_project)
    assert "variants: same (none, oversample)" in text
    assert "seeds: same (0, 1)" in text
    assert section(text, "config") == {"report.metric": ["test/accuracy", "test/f1"]}
    assert section(text, "config of oversample") == {"imbalance.sampler.k_neighbors": ["3", "4"]}
    ends = {line.split()[0]: line for line in text.splitlines() if "±" in line}
    assert ends["none"].endswith("  the same")
    assert ends["oversample"].endswith("  other cells, 2 seeds in both")
    assert "A and B are the same launch." in differences("messages", b[:10], config_dir=trained_project)


@pytest.mark.extended
def test_numbers_that_must_not_be_compared_have_a_footnote(trained_project: Path) -> None:
    a = run("messages", ["variant=none", "seeds=1"], config_dir=trained_project).launch
    overrides = ["variant=none", "seeds=1", f"data.digest={'e' * 64}", "select=best"]
    b = run("messages", overrides, config_dir=trained_project).launch
    store = store_of(trained_project, "messages")
    text = differences(a, b, "test/f1", trained_project, width=60)
    assert "Do not compare these means as if equal: the data and the selection of the epoch (select) differ." in text
    assert section(text, "data")["digest"][0].startswith("ddd")
    assert max(map(len, text.split("\n\n")[1].splitlines())) <= 60
    client_of(store).set_tag(a, "seedbed.recipe_version", "1")
    text = differences(a, b, config_dir=trained_project)
    assert "recipe version: 1 in A, 2 in B" in text
    assert "(select) and the recipe version differ." in text
    client_of(store).delete_tag(b, "seedbed.recipe_version")
    text = differences(a, b, config_dir=trained_project)
    assert "recipe version: 1 in A, not recorded in B" in text
    assert "The recipe version of B is not recorded" in text
    store.run(b).artifact(ENVIRONMENT, store.run(b).text(ENVIRONMENT).replace('"torch": "', '"torch": "x'))
    assert section(differences(a, b, config_dir=trained_project), "environment").keys() == {"torch"}
    with pytest.raises(
        SeedbedError, match="--metric test/acuracy: neither launch has it, did you mean 'test/accuracy'"
    ):
        differences(a, b, "test/acuracy", trained_project)
    with pytest.raises(SeedbedError, match="neither an experiment that has been run nor a launch"):
        differences(a, "nothing", config_dir=trained_project)


@pytest.mark.slow
def test_launches_of_two_experiments(trained_project: Path) -> None:
    run("messages", ["seeds=1", "variant=none"], config_dir=trained_project)
    run("failing_seed", ["seeds=1"], config_dir=trained_project)
    text = differences("messages", "failing_seed", config_dir=trained_project)
    assert text.splitlines()[0].startswith("A  messages")
    assert text.splitlines()[2].startswith("B  failing_seed")
    assert "variants: in both none; only in B flaky" in text
    assert "  the same" in text


def test_long_values_are_cut_where_they_differ() -> None:
    a, b = "x" * 100 + "left" + "y" * 100, "x" * 100 + "right" + "y" * 100
    shown = _cut((a, b), 20)
    assert all(len(value) == 20 for value in shown)
    assert shown[0].startswith("…xxxxxleft")
    assert shown[1].startswith("…xxxxxright")
    assert _cut(("same", "other"), 20) == ["same", "other"]


WAVE = [0.80, 0.81, 0.79, 0.82, 0.78]
SPLIT = {"train": 70, "test": 30, "per_seed": True}


def side(letter: str, values: dict[str, list[float]], *, split: dict[str, Any] = SPLIT, first_seed: int = 0) -> Side:
    """A launch whose recipes are its own; a value of None diverged."""
    rows = [
        {"variant": name, "seed": first_seed + seed, "status": "FINISHED", "outcome": "ok" if value else "diverged"}
        | {"fingerprint": f"{letter if name != 'same' else ''}{name}{seed}", "test/accuracy": value}
        for name, of in values.items()
        for seed, value in enumerate(of)
    ]
    data = {"digest": "d", "split": {"train": 70, "test": 30}}
    results = Results(
        "made_up", {"split": split}, tuple(values), pd.DataFrame(rows), pd.DataFrame(), data, declared=DECLARED
    )
    return Side(letter, None, None, results, {}, None)  # type: ignore[arg-type]


def test_what_two_launches_share_is_tested_in_pairs() -> None:
    noise = [0.001, -0.001, 0.0, 0.002, -0.002]
    moved = [value + 0.1 + extra for value, extra in zip(WAVE, noise, strict=True)]
    little = [value + extra for value, extra in zip(WAVE, noise, strict=True)]
    a = side("A", {"same": WAVE, "up": WAVE, "level": WAVE, "lost": WAVE})
    b = side("B", {"same": WAVE, "up": moved, "level": little, "lost": [*moved[:3], 0.0, 0.0]})
    text = _outcomes(a, b, "test/accuracy")
    rows = {line.split()[0]: line for line in text.splitlines()}
    expected = compare(moved, WAVE, design="resampled", test_to_train=3 / 7)
    assert f"+0.1000 [{expected.low:.4f}, {expected.high:.4f}]  " in rows["up"]
    assert "  better  " in rows["up"]
    assert "can't be told apart" in rows["level"]
    assert "better on the 3 of 5 seeds that did not diverge: no verdict" in rows["lost"]
    assert "the same  " in rows["same"]
    assert "Corrected resampled t-test of B - A, paired by seed, after Holm over the three variants tested" in text


@pytest.mark.parametrize(
    ("b", "why"),
    [
        (side("B", {"up": WAVE}, split=SPLIT | {"per_seed": False}), "the split differs"),
        (side("B", {"up": WAVE}, first_seed=7), "A and B have no seed in common"),
    ],
)
def test_what_is_no_pair_is_not_tested(b: Side, why: str) -> None:
    text = _outcomes(side("A", {"up": WAVE}), b, "test/accuracy")
    assert f"Not tested: {why}" in text
    assert "not tested" in text
    assert "better" not in text
    assert "nothing to test" in _outcomes(side("A", {"same": WAVE}), side("B", {"same": WAVE}), "test/accuracy")
