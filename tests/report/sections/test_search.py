"""The section and the pictures of a search, from made-up trials."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import pandas as pd
import pytest

from seedbed.figures import rendered
from seedbed.report.analysis import analyse
from seedbed.report.evidence import evidence_of
from seedbed.report.pictures.search import (
    front_figure,
    history_figure,
    importance_figure,
    parallel_figure,
    slices_figure,
)
from seedbed.report.printed import search_text, table_text
from seedbed.report.render.latex import latex
from seedbed.report.searches.fresh_seeds import fresh_values
from seedbed.report.searches.importances import parameter_importances
from seedbed.report.searches.trials import (
    FAILED,
    complete_trials,
    distinct_points,
    leaders,
    reasons,
    settings_text,
    short_keys,
    winners,
)
from seedbed.report.sections import search as search_section
from seedbed.report.sections.search import search_pictures
from seedbed.report.writing import write_report
from seedbed.results import Search, Trial
from tests.report.conftest import make_config, shown

pytestmark = pytest.mark.filterwarnings("error")

LR = '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}'
RULE = '{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "a|b_", null]}}'
HIDDEN = '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 9}}'
DISTRIBUTIONS = {"optimizer.lr": LR, "my_|rule_": RULE, "model.hidden": HIDDEN}
SPACE = {
    "optimizer.lr": "tag(log, interval(1e-4, 1))",
    "my_|rule_": "choice(none, a|b_, null)",
    "model.hidden": "range(1, 10)",
}
RULES = ("none", "a|b_", None)


@pytest.fixture(autouse=True)
def quick_importances(request, monkeypatch):
    """A forest takes most of the time of a section: only tests that ask for ``real_importances`` grow one."""
    if "real_importances" not in request.fixturenames:
        monkeypatch.setattr(
            "seedbed.report.searches.importances._fanova",
            lambda search, trials: {metric: dict.fromkeys(search.space, 0.3) for metric in search.metrics},
        )


@pytest.fixture
def real_importances():
    """Grow it."""


def make_trial(number, mean, **changes):
    params = {"optimizer.lr": 10.0 ** -(number % 4 + 1), "my_|rule_": RULES[number % 3], "model.hidden": 1 + number % 9}
    fields = {
        "number": number, "state": "COMPLETE", "params": params, "values": [mean], "mean": mean, "std": 0.01, "n": 3,
        "seconds": 2.5, "epochs": 10, "reason": "",
    }  # fmt: skip
    return Trial(**(fields | changes))


def pruned(number, mean, reason="worse than the median at epoch 2"):
    return make_trial(number, mean, state="PRUNED", values=[], epochs=2, reason=reason)


def failed(number, reason="2 of 10 seeds diverged"):
    return make_trial(number, None, state="FAIL", values=[], std=None, n=0, epochs=0, reason=reason)


TRIALS = [
    make_trial(0, 0.90),
    make_trial(1, 0.94),
    pruned(2, 0.99),  # the highest mean of all, at an early epoch
    failed(3),
    failed(4, "out of\nmemory"),
    failed(5),
    make_trial(6, 0.92),
    make_trial(7, 0.91),
    make_trial(8, 0.94, params=make_trial(1, 0).params, same_as=1),
]


def make_search(trials=TRIALS, *, best=(1,), tuned=("found",), **changes):
    fields = {
        "study": "search_none", "variant": "none", "space": SPACE, "distributions": DISTRIBUTIONS,
        "metrics": ["val/accuracy"], "lower_is_better": [False], "objective": "mean", "sampler": "TPESampler",
        "pruner": "MedianPruner", "seeds": [100, 101, 102], "holdout": None, "trials_wanted": len(trials),
        "trials": list(trials), "best": list(best), "command": "seedbed search made_up none", "tuned": list(tuned),
    }  # fmt: skip
    return Search(**(fields | changes))


def two_objectives():
    times = [5.0, 9.0, None, None, None, None, 4.0, 8.0]
    trials = [
        replace(trial, values=[trial.mean, seconds]) if trial.state == "COMPLETE" else trial
        for trial, seconds in zip(TRIALS[:8], times, strict=True)
    ]
    return make_search(trials, best=[1, 6], tuned=["fast", "good"], metrics=["val/accuracy", "seconds"], lower_is_better=[False, True])  # fmt: skip


AS_IS, BETTER = [0.80, 0.82, 0.84, 0.81], [0.90, 0.93, 0.94, 0.90]
NO_BETTER = [0.81, 0.81, 0.85, 0.80]


def make_launch(make_results, search, found=BETTER, *, metric="test/accuracy", same_split=False, **fields):
    """The variant as it stands and the tuned ones; val/accuracy rises by epoch to 0.92 to 0.923."""
    values = {search.variant: {metric: AS_IS}} | {name: {metric: found} for name in search.tuned}
    config = make_config(
        published={}, report={"metric": metric, "baseline": search.variant}, variants=dict.fromkeys(values)
    )
    config["split"] = {"train": 0.7, "val": 0.1, "test": 0.2}
    points = [
        (variant, seed, epoch, "val/accuracy", 0.9 + epoch / 100 + seed / 1000)
        for variant in values
        for seed in range(4)
        for epoch in range(3)
    ]
    curves = pd.DataFrame(points, columns=["variant", "seed", "epoch", "metric", "value"])
    data = {"split": {"train": 700, "val": 100, "test": 200}, "same_split": same_split}
    return make_results(values, config, **({"curves": curves, "data": data, "search": search} | fields))


def section(make_results, search, *arguments, **fields):
    return shown(search_section.section, make_launch(make_results, search, *arguments, **fields))[0]


# ---- which trials count ----


def test_pruned_and_failed_trials_never_win():
    search = make_search(best=[2, 3, 1])
    assert [trial.number for trial in winners(search)] == [1]
    assert [trial.number for trial in leaders(search)] == [1, 6, 7, 0]  # 8 repeats the point of 1
    assert distinct_points(search) == 8


def test_a_value_that_is_not_finite_is_a_failure():
    trials = [make_trial(0, math.nan), make_trial(1, math.inf), make_trial(2, 0.5, std=math.nan)]
    search = make_search(trials, best=[0, 2])
    assert [trial.number for trial in complete_trials(search)] == [2]
    assert reasons(search, FAILED) == [(2, "a value that is not finite")]
    assert "0.500" in search_text(search)
    assert "nan" not in search_text(search)
    assert all(rendered(picture.figure, "svg") for picture in search_pictures(search))


def test_less_is_better_where_the_search_says_so():
    search = make_search(metrics=["val/loss"], lower_is_better=[True], best=[0])
    assert [trial.number for trial in leaders(search)][:2] == [0, 7]


def test_settings_can_be_typed_and_keys_are_short_where_they_are_told_apart():
    assert settings_text({"a.lr": 0.1, "b": None, "c": True, "d": "x y"}) == "a.lr=0.1 b=null c=true 'd=x y'"
    assert short_keys(["optimizer.lr", "model.lr", "model.hidden"]) == {
        "optimizer.lr": "optimizer.lr",
        "model.lr": "model.lr",
        "model.hidden": "hidden",
    }
    assert short_keys(["lr", "model.lr"]) == {"lr": "lr", "model.lr": "model.lr"}


# ---- the section ----


def test_the_section_says_what_was_searched(make_results):
    text = section(make_results, make_search())
    assert (
        "- `search_none` searched three settings of `none` with TPESampler, and stopped trials early by MedianPruner"
        in text
    )
    assert (
        "Objective: `val/accuracy` (higher is better), the mean over the seeds. Every trial trains the three seeds 100 to 102."
        in text
    )
    assert "9 trials: 5 complete, 1 pruned and 3 failed; 8 different points, as 1 took the values of an earlier" in text
    assert "| failed | 2 | 2 of 10 seeds diverged |" in text
    assert "| failed | 1 | out of memory |" in text
    assert "| pruned | 1 | worse than the median at epoch 2 |" in text


def test_bars_and_underscores_are_escaped(make_results):
    search = make_search()
    text = section(make_results, search)
    assert r"| `my_\|rule_` | choice(none, a\|b\_, null) |" in text
    assert r"| **1** | **0.9400 ± 0.0100** | **3** | **2.5** | **10** | **0.01** | **a\|b\_** | **2** |" in text
    document = latex(search_section.section(evidence_of(analyse(make_launch(make_results, search)))))
    assert r"\texttt{my\_\textbar{}rule\_} & choice(none, a\textbar{}b\_, null) \\" in document
    assert r"\textbf{\boldmath 0.9400 $\pm$ 0.0100}" in document
    assert r"found & trial 1 & 0.9400 $\pm$ 0.0100 (n=3) &" in document


def test_only_the_best_is_bold_and_the_pruned_one_is_not_there(make_results):
    table = section(make_results, make_search()).split("### Best trials")[1].split("In full")[0]
    numbers = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")]
    assert numbers[2:] == ["| **1**", "| 6", "| 7", "| 0"]
    assert "All complete points, the best bold." in table


def test_the_value_in_the_search_stands_beside_that_on_fresh_seeds(make_results):
    text = section(make_results, make_search())
    assert "The values of the best of 5 complete trials are too good by chance" in text
    assert (
        "Trial 1 had `val/accuracy` 0.9400 ± 0.0100 (n=3) in the search; `found`, which has its settings, has "
        "0.9215 ± 0.0013 (n=4) on fresh seeds: 0.0185 lower (higher is better)."
    ) in text
    assert "`found` is better than `none` as it stands: difference +0.1000 [" in text
    assert "| none | as it stands | - | 0.9215 ± 0.0013 (n=4) | 0.8175 ± 0.0171 |" in text
    assert text.count("| better |") == 1


def test_better_is_said_only_where_the_test_says_so(make_results):
    text = section(make_results, make_search(), NO_BETTER)
    assert "can't be told apart from `none` as it stands" in text
    assert "The search has not been shown to help." in text
    assert "is better than" not in text


def test_without_a_pair_nothing_is_said_to_be_tested(make_results):
    text = section(make_results, make_search(), [math.nan] * 4)
    assert "`found` and `none` as it stands were not tested: no pair of finished runs" in text


def test_what_the_numbers_are_about_depends_on_the_split(make_results):
    search = make_search()
    assert "not about data that the search never saw" in section(make_results, search)
    fixed = section(make_results, search, same_split=True)
    assert "All seeds share one split, and the search saw none of the test rows." in fixed
    assert "`val/accuracy` is still too good on fresh seeds" in fixed


def test_a_search_without_test_rows_is_said_to_choose_and_judge_by_validation_rows(make_results):
    again = "What the search chose by validation rows is judged here by {} again: these numbers are too good as well."
    for same_split, rows in ((True, "the same validation rows"), (False, "validation rows")):
        launch = make_launch(make_results, make_search(), metric="val/accuracy", same_split=same_split)
        said = (
            f"{again.format(rows)} There is no test part: give the module a test_step, and the data a test_dataloader."
        )
        assert said in shown(search_section.section, launch)[0]
        assert said in " ".join(table_text(launch).split())
    for held_out_or_tested in ({"search": make_search(holdout=0.2)}, {"search": None}):
        assert "is judged here" not in table_text(replace(launch, **held_out_or_tested))
    assert "is judged here" not in table_text(make_launch(make_results, make_search()))


def test_with_held_out_rows_the_two_validation_values_are_on_different_rows(make_results):
    search = make_search(holdout=0.2)
    text = section(make_results, search, metric="val/accuracy", same_split=True)
    assert "20 % of each seed's training rows were held out of training" in text
    assert "on fresh seeds on the experiment's own validation rows: 0.0225 lower" in text
    assert "Its two values come from different rows and training sets" in text
    assert "the search saw none of the validation rows that this report is about" in text
    assert "| in the search: val/accuracy, held-out training rows | fresh seeds: val/accuracy, the experiment's" in text


def test_seeds_that_are_not_fresh_are_named(make_results):
    assert "Seeds 1 and 2 are not fresh" in section(make_results, make_search(seeds=[1, 2, 9]))


def test_fresh_values_are_those_of_the_tested_epoch(make_results):
    results = make_launch(make_results, make_search())
    assert fresh_values(results, "found", "val/accuracy").tolist() == pytest.approx([0.92, 0.921, 0.922, 0.923])
    losses = results.curves.assign(metric="val/loss", value=[1.0, 0.5, 0.7] * 8)
    best = replace(results, curves=pd.concat([results.curves, losses]), config=results.config | {"select": "best", "monitor": "val/loss"})  # fmt: skip
    assert fresh_values(best, "found", "val/accuracy").tolist() == pytest.approx([0.91, 0.911, 0.912, 0.913])


def test_an_interval_as_objective_is_said_and_shown(make_results):
    trials = [make_trial(number, mean, values=[mean - 0.05]) for number, mean in enumerate((0.8, 0.9))]
    text = section(make_results, make_search(trials, objective="bound"))
    assert "the worse end of the 95 % interval of the mean over the seeds" in text
    assert "| trial | val/accuracy ± std | n | val/accuracy, worse end |" in text
    assert "| **0.9000 ± 0.0100** | **3** | **0.8500** |" in text


def test_several_objectives_have_a_front_and_no_winner(make_results):
    search = two_objectives()
    text = section(make_results, search)
    assert "### Pareto front" in text
    assert "There is no single winner" in text
    front = text.split("### Pareto front")[1].split("In full")[0]
    assert [line.split(" | ")[0] for line in front.splitlines() if line.startswith("| ")][2:] == ["| 1", "| 6"]
    assert "**" not in front
    assert "| fast | trial 1 |" in text
    assert "| good | trial 6 |" in text
    assert "6 *" in search_text(search)


def test_where_all_failed_there_is_no_best(make_results):
    search = make_search([failed(0), failed(1)], best=[], tuned=[])
    text = section(make_results, search)
    assert "0 complete, 0 pruned and 2 failed" in text
    assert text.count("No trial is complete, so there is no best one.") == 2
    assert search_pictures(search) == []
    assert "failed: 2 x 2 of 10 seeds diverged\nNo trial is complete" in search_text(search)


def test_only_a_launch_that_tests_a_search_has_the_section(results):
    assert shown(search_section.section, results) == ("", [])


def test_the_summary_says_that_the_launch_tests_a_search(make_results):
    assert "what the search search_none found" in table_text(make_launch(make_results, make_search()))


def test_the_files_of_a_report_hold_the_section_and_its_pictures(make_results, tmp_path, undrawn):
    write_report(make_launch(make_results, make_search()), tmp_path)
    assert "<h3>Fresh seeds</h3>" in (tmp_path / "report.html").read_text()
    assert r"\subsection*{Search}" in (tmp_path / "report.tex").read_text()
    for name in ("history", "importance", "settings", "parallel"):
        assert (tmp_path / f"search_{name}.png").exists()
        assert f"search_{name}.png" in (tmp_path / "report.md").read_text()
        assert f"{{search_{name}.png}}" in (tmp_path / "report.tex").read_text()


# ---- the terminal ----


def test_the_terminal_shows_the_best_and_why_others_failed():
    lines = search_text(make_search()).splitlines()
    assert lines[0].startswith("search of none (search_none): 9 trials: 5 complete, 1 pruned and 3 failed;")
    assert lines[1].split() == [
        "trial",
        "val/accuracy",
        "±",
        "std",
        "n",
        "seconds",
        "epochs",
        "lr",
        "my_|rule_",
        "hidden",
    ]
    assert lines[3].split() == ["1", "*", "0.9400", "±", "0.0100", "3", "2.5", "10", "0.01", "a|b_", "2"]
    assert "failed: 2 x 2 of 10 seeds diverged" in lines
    assert "best, trial 1: optimizer.lr=0.01 'my_|rule_=a|b_' model.hidden=2" in lines
    assert "too good by chance" in lines[-1]


# ---- importance and pictures ----


def test_importance_takes_four_trials_and_two_settings(real_importances):
    few = make_search(TRIALS[:2])
    assert "four complete trials at least, and there are two" in parameter_importances(few)
    one = make_search(space={"optimizer.lr": "x"}, distributions={"optimizer.lr": LR})
    assert parameter_importances(one) == "a single setting was searched"
    same = make_search([make_trial(number, 0.5) for number in range(5)])
    assert parameter_importances(same) == "all trials have the same val/accuracy"
    outside = make_search([make_trial(0, 0.1, params={**TRIALS[0].params, "model.hidden": 99}), *TRIALS[1:]])
    assert "trial 0 does not fit the space" in parameter_importances(outside)


@pytest.mark.slow
def test_importance_is_the_same_each_time_and_quiet(real_importances, capfd):
    trials = [make_trial(number, 0.9 - 0.1 * (number % 4)) for number in range(24)]  # the rate decides all
    search = make_search(trials, best=[0])
    logging.getLogger("optuna").setLevel(logging.INFO)
    first, second = parameter_importances(search), parameter_importances(search)
    assert first == second
    assert max(first["val/accuracy"], key=first["val/accuracy"].get) == "optimizer.lr"
    assert capfd.readouterr() == ("", "")


def test_the_history_marks_each_outcome_and_the_best():
    axes = history_figure(make_search()).axes[0]
    of_label = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert of_label["best"] == [[1.0, 0.94]]
    assert of_label["pruned"] == [[2.0, 0.99]]
    assert [number for number, _ in of_label["failed"]] == [3, 4, 5]
    assert [value for _, value in of_label["best so far"]] == [0.9, 0.94, 0.94, 0.94, 0.94, 0.94]


def test_a_trial_far_off_does_not_press_the_others_together():
    trials = [*(make_trial(number, 0.9 + number / 100) for number in range(8)), make_trial(8, -1000.0)]
    axes = history_figure(make_search(trials, best=[7])).axes[0]
    assert axes.get_ylim()[0] > 0.8
    assert axes.get_title("left") == "1 trial beyond the axis: hollow, at its edge."


def test_no_trial_of_the_front_lies_beyond_the_axis():
    trials = [make_trial(number, 0.9, values=[0.9 + number / 1000, 5.0 + number]) for number in range(8)]
    trials.append(make_trial(8, 0.1, values=[0.1, 1.0]))
    search = make_search(trials, best=[7, 8], metrics=["val/accuracy", "seconds"], lower_is_better=[False, True])
    [line] = [line for line in front_figure(search).axes[0].lines if line.get_label() == "Pareto front"]
    assert min(line.get_xdata()) == 0.1


def test_axes_of_slices_are_those_of_the_space():
    rate, rule, hidden = slices_figure(make_search()).axes[:3]
    assert rate.get_xscale() == "log"
    assert [label.get_text() for label in rule.get_xticklabels()] == ["none", "a|b_", "null"]
    assert hidden.get_xlabel() == "hidden"


@pytest.mark.slow
@pytest.mark.parametrize(
    "search",
    [
        make_search(),
        make_search([pruned(0, 0.5), pruned(1, 0.6)], best=[]),
        make_search(TRIALS[:1], best=[0]),
        two_objectives(),
        make_search([make_trial(0, 0.9, params={"optimizer.lr": 0.1}), *TRIALS[1:]]),
    ],
    ids=["all", "pruned", "one", "two objectives", "a trial without a key"],
)
def test_pictures_are_drawn_without_a_warning(search):
    for picture in search_pictures(search):
        assert rendered(picture.figure, "png")[:4] == b"\x89PNG"


def test_lines_and_bars_are_those_of_the_trials():
    figure = importance_figure(make_search(), {"val/accuracy": {"model.hidden": 0.7, "optimizer.lr": 0.2}})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["hidden", "lr", "my_|rule_"]
    rails = parallel_figure(make_search()).axes[0]
    assert [label.get_text() for label in rails.get_xticklabels()] == ["lr", "my_|rule_", "hidden", "val/accuracy"]


def test_a_tie_is_said_with_which_of_the_equal_points_is_taken():
    equal = make_search([make_trial(number, 0.9) for number in range(12)], best=(0,))
    said = "All 12 points have the same val/accuracy, so that the search tells nothing: the first of them, trial 0, is taken."
    assert said in search_text(equal)
    some = make_search(
        [make_trial(0, 0.8), make_trial(1, 0.9), make_trial(2, 0.9), make_trial(3, 0.9, same_as=1)], best=(1,)
    )
    assert "Two points share the best val/accuracy: the first of them, trial 1, is taken." in search_text(some)
    assert "share the best" not in search_text(make_search())


def test_a_table_that_is_cut_says_so_and_all_trials_are_in_a_file(make_results, tmp_path):
    search = make_search([make_trial(number, 0.9 - number / 100) for number in range(25)], best=(0,))
    said = "10 of 25 complete points are shown; all 25 trials stand in trials.csv."
    assert said in search_text(search)
    assert "are shown" not in search_text(make_search())
    assert "trials.csv" not in shown(search_section.section, make_launch(make_results, make_search()))[0]
    results = make_launch(make_results, search)
    assert "All trials stand in trials.csv." in shown(search_section.section, results)[0]
    write_report(results, tmp_path, formats=["csv"])
    table = pd.read_csv(tmp_path / "trials.csv")
    assert table["trial"].tolist() == list(range(25))
    assert table["objective val/accuracy"].tolist() == [trial.values[0] for trial in search.trials]
    assert table["optimizer.lr"].tolist() == [trial.params["optimizer.lr"] for trial in search.trials]
    write_report(make_launch(make_results, make_search()), tmp_path, formats=["csv"])
    assert pd.read_csv(tmp_path / "trials.csv")["outcome"].value_counts().to_dict() == {
        "complete": 5,
        "failed": 3,
        "pruned": 1,
    }
