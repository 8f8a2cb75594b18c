"""Pages, tables and figures from made-up results."""

from __future__ import annotations

import csv
import math
import re
import shutil
import subprocess

import pytest

from conftest import make_cells, make_config
from seedbed.errors import ConfigError
from seedbed.figures import rendered
from seedbed.report import analyse, comparison_table, table_text, write_report
from seedbed.report.formatting import exact, latex, markdown, number
from seedbed.report.pictures.means import means_figure, span
from seedbed.results import CELL_COLUMNS
from seedbed.statistics import summary

pytestmark = pytest.mark.filterwarnings("error")
PICTURES = [f"{name}.{kind}" for name in ("accuracy", "seeds", "differences", "ranks") for kind in ("png", "svg")]
TABLES = ["results.csv", "curves.csv", "comparisons.csv", "published.csv"]
NAMES = ["report.md", "report.html", "report.tex", *PICTURES, *TABLES]


def plain_config(**report):
    """No claims, and an axis that fits the values."""
    return make_config(published={}, report={"metric": "test/accuracy", "baseline": None} | report)


def row_of(text, variant):
    return next(line for line in text.splitlines() if line.lstrip("| ").startswith(variant))


# ---- files ----


def test_the_same_results_give_the_same_bytes(results, tmp_path):
    first, second = write_report(results, tmp_path / "a"), write_report(results, tmp_path / "b")
    assert [path.name for path in first] == NAMES
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(NAMES)


def test_an_unknown_check_writes_nothing(make_results, tmp_path):
    config = make_config(published={"claims": [{"text": "x", "check": {"worse_then": ["smote", "none"]}}]})
    with pytest.raises(ConfigError, match="did you mean 'worse_than'"):
        write_report(make_results(config=config), tmp_path)
    assert not list(tmp_path.iterdir())


def test_csv_files_read_back_exactly(results, tmp_path):
    write_report(results, tmp_path)
    text = (tmp_path / "results.csv").read_text()
    metrics = "test/accuracy,test/f1,test/loss,seconds"
    assert text.splitlines()[0] == f"experiment,variant,seed,status,fingerprint,{metrics}"
    back = [float(row["test/accuracy"]) for row in csv.DictReader(text.splitlines())]
    assert back == results.cells["test/accuracy"].tolist()
    assert (tmp_path / "curves.csv").read_text().splitlines()[:2] == [
        "variant,seed,epoch,metric,value",
        "none,0,0,val/accuracy,0.9",
    ]
    header = "variant,metric,epoch,published,mean,std,n,z,reproduced\n"
    assert (tmp_path / "published.csv").read_text() == header


def test_published_numbers_are_judged_by_the_prediction_interval(make_results, tmp_path):
    numbers = [
        {"variant": "a", "metric": "test/accuracy", "value": 0.5},
        {"variant": "a", "metric": "test/accuracy", "value": 0.9},
        {"variant": "a", "metric": "val/accuracy", "epoch": 1, "value": 0.91},
    ]
    config = plain_config() | {"published": {"numbers": numbers}}
    write_report(make_results({"a": {"test/accuracy": [0.4, 0.5, 0.6]}}, config), tmp_path)
    with (tmp_path / "published.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["reproduced"] for row in rows] == [
        "yes",
        "yes",
        "yes",
    ]  # at n=3 the interval is 4.97 std wide
    assert float(rows[1]["z"]) == pytest.approx(4.0)
    assert (rows[2]["epoch"], rows[2]["n"], rows[2]["mean"]) == ("1", "2", "0.91")
    assert "reproduced" in (tmp_path / "report.md").read_text()


def test_findings_stand_below_the_published_numbers_with_what_shows_them(make_results, tmp_path):
    number = {"variant": "none", "metric": "test/accuracy", "value": 0.989}
    finding = {"text": "The first epoch is an outlier.", "command": "seedbed run made_up seeds=50"}
    published = {"numbers": [number], "findings": [finding]}
    write_report(make_results(config=make_config(published=published)), tmp_path)
    section = (tmp_path / "report.md").read_text().split("## Published numbers")[1].split("## Data")[0]
    assert "- The first epoch is an outlier. `seedbed run made_up seeds=50`" in section
    with pytest.raises(ConfigError, match=r"published\.findings: .*text, and command"):
        write_report(
            make_results(config=make_config(published={"findings": ["a guess"]} | {"numbers": [number]})), tmp_path
        )


def test_a_published_number_of_an_unknown_variant_is_refused(make_results, tmp_path):
    config = make_config(published={"numbers": [{"variant": "smot", "metric": "test/accuracy", "value": 1}]})
    with pytest.raises(ConfigError, match="did you mean 'smote'"):
        write_report(make_results(config=config), tmp_path)


# ---- numbers ----


def test_one_number_everywhere(make_results, tmp_path):
    results = make_results({"a": {"test/accuracy": [0.10, 0.12, 0.30]}}, plain_config())
    write_report(results, tmp_path)
    tex = (tmp_path / "report.tex").read_text()
    assert "0.1733 ± 0.1102" in (tmp_path / "report.md").read_text()
    assert r"0.1733 $\pm$ 0.1102" in tex
    assert "n=3" in tex
    assert "sample std" in tex
    assert "0.1733 ± 0.1102" in table_text(results)


def test_a_single_seed_shows_no_spread(make_results, tmp_path):
    results = make_results({"a": {"test/accuracy": [0.9]}, "b": {"test/accuracy": [0.8]}}, plain_config())
    write_report(results, tmp_path)
    for name in ("report.md", "report.tex"):
        text = (tmp_path / name).read_text()
        assert "0.900 (n=1)" in text
        assert "nan" not in text.lower()
    assert "can't be told apart" in (tmp_path / "report.md").read_text()


def test_ties_are_bold_by_displayed_value_and_each_column_has_its_own_best(make_results, tmp_path):
    values = {
        "a": {"test/rmse": [0.90, 0.90], "test/accuracy": [0.7, 0.7]},
        "b": {"test/rmse": [0.85, 0.85], "test/accuracy": [0.8, 0.8]},
        "c": {"test/rmse": [0.850001, 0.850001], "test/accuracy": [0.8, 0.8]},
        "d": {"test/rmse": [math.nan, math.nan], "test/accuracy": [0.85, math.nan]},
    }
    results = make_results(values, plain_config(metric="test/rmse"))
    assert analyse(results).best() == {"b", "c"}
    assert analyse(results, "test/accuracy").best() == {"d"}
    write_report(results, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "**0.8500 ± 0.0000**" in row_of(text, "b")
    assert "**" not in row_of(text, "d")
    assert "n=0/2, 2 without a finite value" in row_of(text, "d")


def test_diverged_failed_and_missing_cells_are_counted_and_never_averaged(make_results, tmp_path):
    values = {
        "a": {"test/accuracy": [0.9, 0.8, 0.1, 0.7, 0.6]},
        "b": {"test/accuracy": [0.9, 0.8, 0.7, 0.6, 0.5]},
    }
    cells = make_cells(values)
    cells.loc[2, "outcome"] = "diverged"
    cells.loc[3, ["status", "outcome"]] = ["FAILED", ""]
    cells.loc[4, ["status", "outcome"]] = ["MISSING", ""]
    results = make_results(values, plain_config(baseline="b"), cells=cells)
    analysis = analyse(results)
    assert analysis.count("a") == "n=2/5, 1 diverged, 1 failed, 1 not run"
    assert analysis.summaries["a"].mean == pytest.approx(0.85)
    assert analysis.family[0].comparison.n == 2
    write_report(results, tmp_path)
    assert "1 diverged" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "results.csv").read_text().count("\n") == 11


def test_infinity_as_the_store_keeps_it_enters_no_mean(make_results):
    values = {"a": {"test/loss": [0.5, 1.7976931348623157e308, 0.7]}}
    results = make_results(values, plain_config(metric="test/loss"))
    assert analyse(results).summaries["a"].mean == pytest.approx(0.6)
    assert b"<svg" in rendered(lambda: means_figure(analyse(results)), "svg")


# ---- words ----


def test_the_summary_names_what_differs_and_what_does_not(results, tmp_path):
    write_report(results, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert re.search(r"`undersample` is worse than `none` by 0\.\d{4} \[0\.\d{4}, 0\.\d{4}\]; the other four", text)
    assert "can't be told apart from `none` on test/accuracy with 10 seeds." in text
    places = [text.index(f"## {title}") for title in ("Result", "Other", "Comparisons", "Claims", "Data", "Recipe")]
    assert places == sorted(places)
    for said in ("F1 (%)", "403", "swap, delete", "seedbed run made_up", "A subset of the whole", "hidden:"):
        assert said in text


def test_the_terminal_table_has_a_row_a_variant(results):
    text = table_text(results)
    assert row_of(text, "undersample").endswith("worse")
    assert row_of(text, "smote").endswith("can't be told apart")
    assert row_of(text, "none").endswith("baseline")


def test_lower_is_better_turns_the_verdict(results):
    verdicts = {row.variant: row.verdict for row in analyse(results, "test/loss").family}
    assert verdicts["undersample"] == "worse"
    assert comparison_table(analyse(results, "test/loss")).set_index("variant").loc["undersample", "difference"] > 0


def test_without_a_baseline_all_pairs_are_one_family(make_results):
    analysis = analyse(make_results(config=make_config(report={"metric": "test/accuracy"})))
    assert len(analysis.family) == 15
    assert "pairs can't be told apart" in table_text(analysis.results)


def test_a_fixed_split_is_tested_by_the_paired_tests(make_results, tmp_path):
    split = {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False, "seed": 0}
    write_report(make_results(config=make_config(split=split)), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "Wilcoxon" in text
    assert "Corrected" not in text


# ---- what is refused ----


def test_an_unknown_metric_or_baseline_is_answered_with_near_misses(results):
    with pytest.raises(ConfigError, match=r"'test/acuracy'.*did you mean 'test/accuracy'"):
        analyse(results, "test/acuracy")
    with pytest.raises(ConfigError, match=r"'smot'.*did you mean 'smote'"):
        analyse(results, baseline="smot")


def test_a_variant_without_the_metric_shows_a_dash_and_is_never_best(make_results):
    values = {"a": {"test/accuracy": [math.nan] * 3}, "b": {"test/accuracy": [0.1, 0.2, 0.3]}}
    results = make_results(values, plain_config(baseline="b"))
    assert analyse(results).best() == {"b"}
    assert row_of(table_text(results), "a").split()[1] == "-"


def test_a_launch_in_which_everything_failed_has_its_row(make_results):
    cells = make_cells({"a": {"test/accuracy": [0.1]}})[list(CELL_COLUMNS)].assign(status="FAILED", outcome="")
    results = make_results({"a": {"test/accuracy": [0.1]}}, plain_config(), cells=cells)
    assert "n=0/1, 1 failed" in row_of(table_text(results), "a")


# ---- LaTeX and Markdown ----


AWKWARD = ["top@10_acc", "f1 (%)", "bias_&_dot", r"a\b{c}$d^e~f#g", "naïve → <x|y>", "[a]*"]


def test_latex_escapes_names_and_keeps_its_own_markup():
    assert latex("bias_&_dot 93%") == r"bias\_\&\_dot 93\%"
    assert latex("0.1 ± 0.2") == r"0.1 $\pm$ 0.2"
    assert latex("→") == "{[}U+2192{]}"


def test_markdown_keeps_cells_in_one_line_and_names_searchable():
    assert markdown("text_augment") == "text_augment"
    assert markdown("a|b\nc*") == r"a\|b c\*"
    assert markdown("_x_") == r"\_x\_"


def test_awkward_names_go_through_every_format(make_results, tmp_path):
    values = {name: {"test/f1 (%)": [place, place + 1.0, place + 3.0]} for place, name in enumerate(AWKWARD)}
    results = make_results(values, plain_config(metric="test/f1 (%)", baseline=AWKWARD[0]))
    write_report(results, tmp_path)
    assert r"bias\_\&\_dot" in (tmp_path / "report.tex").read_text()
    assert (tmp_path / "f1_.png").exists()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_the_latex_document_compiles(make_results, tmp_path):
    values = {name: {"test/f1 (%)": [place, place + 1.0, place + 3.0]} for place, name in enumerate(AWKWARD)}
    write_report(make_results(values, plain_config(metric="test/f1 (%)", baseline=AWKWARD[0])), tmp_path)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


# ---- figure ----


def test_bars_are_cut_where_the_metric_ends_and_numbers_are_not(make_results, tmp_path):
    found = span(summary([0.95, 0.99, 1.0]), "2std", (0.0, 1.0))
    assert found.high == pytest.approx(1.0329, abs=1e-4)
    assert found.drawn_high == 1.0
    assert span(summary([0.1, 1.0]), "2std", (0.0, None)).drawn_low == 0.0
    free = span(summary([0.1, 1.0]), "2std", (None, None))
    assert (free.drawn_low, free.drawn_high) == (free.low, free.high)
    write_report(make_results({"a": {"test/accuracy": [0.95, 0.99, 1.0]}}, plain_config()), tmp_path)
    assert "0.9800 ± 0.0265" in (tmp_path / "report.md").read_text()


def test_the_kinds_of_bars(make_results):
    found = summary([1.0, 2.0, 3.0])
    assert span(found, "std", (None, None)).high == pytest.approx(3.0)
    assert span(found, "2std", (None, None)).high == pytest.approx(4.0)
    assert span(found, "ci95", (None, None)).high == pytest.approx(found.high)
    results = make_results({"a": {"test/accuracy": [0.5, 0.6]}}, plain_config(bars="2sdt"))
    with pytest.raises(ConfigError, match="did you mean '2std'"):
        means_figure(analyse(results))


def test_numbers_as_text():
    assert number(-0.00001, 4) == "0.0000"
    assert number(math.nan, 4) == "-"
    assert exact(0.1 + 0.2) == "0.30000000000000004"
    assert exact(math.nan) == exact(None) == ""


def test_without_the_experiments_baseline_all_pairs_are_compared(make_results):
    config = plain_config(baseline="none")  # none is a variant of the experiment
    values = {"a": {"test/accuracy": [0.1, 0.2, 0.3]}, "b": {"test/accuracy": [0.2, 0.3, 0.5]}}
    results = make_results(values, config)
    assert analyse(results).baseline is None
    with pytest.raises(ConfigError, match="baseline='none'"):
        analyse(results, baseline="none")
