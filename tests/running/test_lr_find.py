"""Range tests of an experiment: the command, what is tracked and drawn, and trainings under optimizer.lr=auto."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import seedbed
from seedbed.cli.main import main
from seedbed.cli.status import experiment_status
from seedbed.config.experiment import load_experiment
from seedbed.config.recipe import recipe_of
from seedbed.errors import ConfigError
from seedbed.report.writing import write_report
from seedbed.running.lr_find import CURVE_COLUMNS, find_lr
from seedbed.running.runner import run
from seedbed.running.verify import verify
from seedbed.search.plan import read_plan
from seedbed.tracking.launches import find_launch
from seedbed.tracking.names import RANGE_TESTS
from seedbed.tracking.store import NothingTracked
from tests.cli.test_completion import offered
from tests.running.test_runner import store_of
from tests.running.test_verify import here
from tests.shown import Shown
from tests.stored import file_names, runs

__all__ = ["here"]
FAST = ("lr_finder.steps=30", "lr_finder.min_lr=1e-4", "lr_finder.max_lr=100", "lr_finder.smoothing=0.8")
AUTO = ("optimizer.lr=auto", *FAST)


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    project = tmp_path / "project"

    def command(*arguments: str) -> Result:
        monkeypatch.chdir(project)
        return CliRunner().invoke(main, [*arguments, "--config-dir", str(project)])

    return command


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_prints_draws_and_tracks_and_leaves_the_experiment_alone(trained_project: Path, typed: Any) -> None:
    before = experiment_status("messages", trained_project)
    done = typed("lr-find", "messages", "variant=none", *FAST, "tracking.pictures=true", "--plot")
    assert done.exit_code == 0, done.output
    head, table_head, _, *rows = done.stdout.splitlines()
    assert head == ("none: 3 seeds, 30 rates from 0.0001 to 100 (exponential); the recipe has optimizer.lr=0.001")
    assert table_head.split() == ["rule", "rate", "(geometric", "mean)", "lowest", "highest", "seeds"]
    assert [row.split()[0] for row in rows[:3]] == ["valley", "steepest", "minimum"]
    assert rows[0].endswith("3 of 3")
    assert "of 3 seeds diverged, at " in rows[3]
    assert f"By rule valley: seedbed run messages variant=none tracking.pictures=true optimizer.lr={rows[0].split()[1]} " in rows[4]  # fmt: skip
    assert "lr_finder.steps=30" in rows[5]
    assert "optimizer.lr=auto" in rows[5]

    assert matplotlib.image.imread(trained_project / "messages_lr_find.png").std() > 0.05
    table = pd.read_csv(trained_project / "messages_lr_find.csv")
    assert tuple(table.columns) == CURVE_COLUMNS
    assert set(table["variant"]) == {"none"}
    assert set(table["seed"]) == {0, 1, 2}
    first = table[(table["variant"] == "none") & (table["seed"] == 1)]
    assert first["step"].tolist() == list(range(len(first)))
    assert first["lr"].iloc[0] == pytest.approx(1e-4)

    store = store_of(trained_project, f"messages{RANGE_TESTS}")
    (of_none,) = runs(store, "lr_find")
    assert (of_none.info.run_name, of_none.info.status) == ("none", "FINISHED")
    assert of_none.data.params["lr_finder.steps"] == "30"
    assert file_names(store, of_none.info.run_id) == {
        "config.yaml", "lr_find.csv", "lr_find.png",
    }  # fmt: skip
    recorded = {(name, step): value for name, step, value in store.curves(of_none.info.run_id, ["seed_1/loss"])}
    assert recorded == {("seed_1/loss", step): value for step, value in zip(first["step"], first["loss"], strict=True)}
    assert of_none.data.metrics["suggestion/valley"] == pytest.approx(float(rows[0].split()[1]), rel=0.05)
    assert of_none.data.metrics["suggestion/valley_n"] == 3

    assert experiment_status("messages", trained_project) == before
    assert len(find_launch(store_of(trained_project, "messages")).id) == 32


@pytest.mark.slow
def test_python_gives_data_frames(project: Path) -> None:
    found = seedbed.find_lr("messages", ["variant=none", "seeds=2", *FAST], project, quiet=True)
    assert list(found.curves.columns) == list(CURVE_COLUMNS)
    suggestions = found.suggestions.set_index(["seed", "rule"])["lr"]
    for test in found.tests["none"]:
        assert suggestions[test.seed, "valley"] == test.suggestion("valley")
    few = seedbed.find_lr("messages", ["variant=none", "seeds=1", "lr_finder.steps=3"], project, quiet=True)
    assert few.suggestions["lr"].isna().all()
    assert "Rule valley finds no rate" in str(few)


@pytest.mark.slow
def test_linear_rates_are_drawn_on_a_linear_axis(project: Path, tmp_path: Path) -> None:
    linear = [*FAST, "lr_finder.spacing=linear", "lr_finder.max_lr=1", "seeds=1"]
    picture, table = find_lr("messages", linear, project).write(tmp_path / "new" / "linear.svg")
    assert "$\\mathdefault{10" not in picture.read_text()
    points = pd.read_csv(table)
    assert list(points["variant"].unique()) == ["none", "oversample"]
    rates = points["lr"].unique()
    assert rates[2] - rates[1] == pytest.approx(rates[1] - rates[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lr_finder.rule=vally"], "did you mean 'valley'"),
        (["lr_finder.max_lr=1e-9"], "lr_finder.max_lr=1e-09"),
        (["optimizer.lr=abc"], "optimizer.lr=abc: give a number or auto"),
        (["--plot", "seeds=3"], "--plot seeds=3: not the name of a picture"),
    ],
)
def test_bad_input_is_one_paragraph(typed: Any, project: Path, arguments: list[str], said: str) -> None:
    done = typed("lr-find", "messages", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    with pytest.raises(NothingTracked):
        store_of(project, f"messages{RANGE_TESTS}")


@pytest.mark.slow
def test_variants_that_take_no_steps_are_left_out_unless_they_are_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "ratings.csv").write_text(
        "who,what,stars\n" + "\n".join(f"u{n % 9},i{n * 7 % 11},{n % 5 + 1}" for n in range(200))
    )
    (project / "experiments" / "lists.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /data: ratings_csv}, {override /split: random}, {override /task: retrieval},"
        " {override /model: two_tower}]\n"
        "seeds: 1\nsplit: {val: 0.1, test: 0.2}\n"
        "data: {path: ratings.csv, user: who, item: what, rating: stars, duplicates: latest}\n"
        "trainer: {batch_size: 16, accelerator: cpu}\nmonitor: val/ndcg_at_10\ntracking: {pictures: false}\n"
        "variants: {towers: [], popular: [model=popular]}\nreport: {metric: test/ndcg_at_10}\n"
    )
    assert list(seedbed.find_lr("lists", FAST, project).tests) == ["towers"]
    assert "Left out, as they take no steps: popular." in capsys.readouterr().err
    with pytest.raises(ConfigError, match="takes no steps"):
        find_lr("lists", ["variant=popular", *FAST], project)
    assert "optimizer.lr" not in run("lists", ["variant=popular", "optimizer.lr=auto"], project).failures


@pytest.mark.slow
def test_a_variant_that_sets_its_own_rate_is_told_where_to_write_another(project: Path) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("[imbalance=oversample]", "[optimizer.lr=0.1]"))
    text = str(find_lr("messages", ["variant=oversample", "seeds=1", *FAST], project))
    assert "The variant sets optimizer.lr itself: write " in text


def test_completion_offers_what_it_offers_to_run() -> None:
    assert "spam_imbalance" in offered("lr-find", "spam")
    assert offered("lr-find", "spam_imbalance", "variant=sm") == ["variant=smote"]


# ---- fingerprints ----------------------------------------------------------------------------------------------------


def test_the_settings_of_the_finder_are_part_of_a_recipe_only_where_it_finds_the_rate() -> None:
    """Cells that were trained before there was a finder have configs without its node."""
    variant = load_experiment("spam_imbalance", ["variant=none"]).variants[0]

    def print_of(**changes: Any) -> str:
        return replace(variant, config={**variant.config, **changes}).fingerprint(3, {})

    finder, optimizer = variant.config["lr_finder"], variant.config["optimizer"]
    other, auto = finder | {"rule": "steepest"}, optimizer | {"lr": "auto"}
    before = {key: value for key, value in variant.config.items() if key != "lr_finder"}
    assert print_of() == print_of(lr_finder=other) == replace(variant, config=before).fingerprint(3, {})
    assert len({print_of(), print_of(optimizer=auto), print_of(optimizer=auto, lr_finder=other)}) == 3


def test_a_search_over_rates_is_none_of_the_finders(project: Path) -> None:
    """A study that was begun before there was a finder is gone on with."""
    plan = read_plan("messages", ["variant=none", "optimizer.lr=tag(log, interval(1e-4, 1e-1))"], project)
    assert not any(key.startswith("lr_finder") for key in recipe_of(plan.variant.config))


# ---- optimizer.lr=auto -----------------------------------------------------------------------------------------------


@pytest.mark.extended
def test_found_rates_are_recorded_and_reported_and_only_new_seeds_find_theirs(
    project: Path, tmp_path: Path, here: None, draw_only: Callable[..., None]
) -> None:
    draw_only()
    first = run("messages", ["variant=none", "seeds=1", *AUTO], project)
    assert (first.trained, first.failures) == (1, {})
    shown = Shown()
    more = run("messages", ["variant=none", "seeds=2", *AUTO], project, display=shown)
    assert ("none", 1, 1, 1, 0, "range test") in shown.trained
    assert (more.trained, more.failures) == (1, {})
    suggested = find_lr("messages", ["variant=none", "seeds=2", *FAST], project).tests["none"]
    rates = more.cells.set_index("seed")["lr"]
    assert rates.tolist() == [test.suggestion("valley") for test in suggested]
    store = store_of(project, "messages")
    for seed in runs(store, "seed"):
        number = int(seed.data.params["seed"])
        assert float(seed.data.params["optimizer.lr"]) == rates[number] == seed.data.metrics["lr"]
        assert seed.data.params["lr_finder.rule"] == "valley"
    variant = runs(store, "variant")[-1]
    assert variant.data.metrics["lr"] == pytest.approx(rates.mean())
    assert variant.data.metrics["lr_std"] == pytest.approx(rates.std())
    found = verify("messages", cells=None, config_dir=project)
    assert all(check.identical for check in found.checks), str(found)
    assert len(found.checks) == 2

    # A rate is not better than another: reports show it, and compare none.
    results = more.results
    write_report(results, tmp_path, formats=["md", "csv"])
    assert "lr" in pd.read_csv(tmp_path / "results.csv").columns
    lines = (tmp_path / "report.md").read_text().splitlines()
    (head,) = [line for line in lines if line.startswith("| variant | lr |")]
    row = lines[lines.index(head) + 2].split("|")
    assert "±" in row[2]
    assert "**" not in row[2]
    with pytest.raises(ConfigError, match="--metric lr: "):
        write_report(results, tmp_path, metric="lr")


@pytest.mark.slow
def test_a_fallback_is_said_and_tagged(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = [
        "variant=none",
        "seeds=1",
        "trainer.max_epochs=1",
        "optimizer.lr=auto",
        "lr_finder.steps=4",
        "lr_finder.fallback=0.02",
    ]
    seedbed.run("messages", few, project)
    assert "none, seed 0: rule valley finds no rate in 4 points" in " ".join(capsys.readouterr().err.split())
    (seed,) = runs(store_of(project, "messages"), "seed")
    assert seed.data.params["optimizer.lr"] == "0.02"
    assert "finds no rate" in seed.data.tags["seedbed.lr_fallback"]


@pytest.mark.slow
def test_a_nested_config_finds_rates_selects_tests_and_is_taken_up_again(project: Path) -> None:
    """Lists and nodes with ``_target_`` in the config, as checkpoints of pickled configs could not be loaded with."""
    nested = [
        "variant=none",
        "model.hidden=[8,4]",
        "+task.own_metrics={plain: {function: {_target_: torch.nn.CrossEntropyLoss}, lower_is_better: true}}",
        "select=best",
        *AUTO,
    ]
    first = run("messages", [*nested, "seeds=1"], project)
    assert (first.trained, first.failures) == (1, {})
    assert first.cells["test/plain"].notna().all()
    assert run("messages", [*nested, "seeds=1"], project).trained == 0
    again = run("messages", [*nested, "seeds=2"], project)
    assert (again.trained, again.failures) == (1, {})
    assert again.cells["lr"].notna().all()
    kept = {path.suffix for path in project.rglob("*") if path.is_file()}
    assert not kept & {".ckpt", ".pt", ".pth", ".pkl", ".pickle"}
