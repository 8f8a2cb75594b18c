"""Pages, tables and figures from made-up results."""

from __future__ import annotations

import csv
import math
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from seedbed.errors import ConfigError
from seedbed.figures import rendered
from seedbed.metrics import Bounds
from seedbed.report.analysis import analyse, comparison_table
from seedbed.report.answer import summary_sentences
from seedbed.report.beyond_bounds import note_on_intervals
from seedbed.report.document import launch_pictures
from seedbed.report.evidence import evidence_of
from seedbed.report.footnotes import footnotes
from seedbed.report.formatting import exact, number
from seedbed.report.pictures.curves import curves_figure
from seedbed.report.pictures.means import means_figure, span
from seedbed.report.pictures.picture import files_of
from seedbed.report.pictures.ranks import cliques
from seedbed.report.power import power_text
from seedbed.report.printed import table_text
from seedbed.report.published import published_numbers
from seedbed.report.render.latex import escaped as latex
from seedbed.report.writing import launch_page, write_report
from seedbed.results import CELL_COLUMNS
from seedbed.statistics import power, seeds_needed, summary
from tests.report.conftest import CLAIMS, MEANS, files, make_cells, make_config, make_values, plain_config

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def quick_pictures(request):
    """Only tests that ask for ``drawn`` or ``real_pictures`` draw whole pages."""
    if not {"drawn", "real_pictures"} & set(request.fixturenames):
        request.getfixturevalue("undrawn")


@pytest.fixture
def real_pictures():
    """For a test that draws the pictures of its own results."""


@pytest.fixture(scope="module")
def drawn(make_results, tmp_path_factory):
    """Results of three variants, the fewest that are ranked, and the files of their report with its pictures."""
    values = {name: of for name, of in make_values().items() if name in ("none", "undersample", "smote")}
    results = make_results(values)
    return results, write_report(results, tmp_path_factory.mktemp("drawn"))


PICTURES = [f"{name}.{kind}" for name in ("accuracy", "seeds", "differences", "ranks") for kind in ("png", "svg")]
TABLES = ["results.csv", "curves.csv", "comparisons.csv", "published.csv", "record.json"]
OF_PAPERS = ["result", "every_seed", "other_metrics", "comparisons", "claims", "data", "environment"]
IN_LATEX = [f"tables/{name}.tex" for name in OF_PAPERS]
NAMES = ["report.md", "report.html", "report.tex", *PICTURES, *IN_LATEX, *TABLES]


def row_of(text, variant):
    return next(line for line in text.splitlines() if line.lstrip("| ").startswith(variant))


# ---- files ----


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(drawn, tmp_path):
    results, first = drawn
    second = write_report(results, tmp_path)
    folder = first[0].parent
    assert [path.relative_to(folder).as_posix() for path in first] == NAMES
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(files(folder)) == sorted(NAMES)


@pytest.mark.parametrize(
    ("formats", "names"),
    [
        (["csv"], TABLES),
        (["html"], ["report.html"]),
        (["md"], ["report.md", *PICTURES]),
        (["tex", "csv"], ["report.tex", *PICTURES, *IN_LATEX, *TABLES]),
    ],
)
def test_formats_choose_the_files(results, tmp_path, formats, names):
    written = write_report(results, tmp_path, formats=formats)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == names


def test_an_unknown_format_writes_nothing(results, tmp_path):
    with pytest.raises(ConfigError, match=r"--format=htm: .*did you mean 'html'"):
        write_report(results, tmp_path, formats=["md", "htm"])
    assert not list(tmp_path.iterdir())


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
    header = "variant,metric,epoch,published,mean,std,n,z,reproduced,low,high,half_width_relative,verdict\n"
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
    assert {row["verdict"] for row in rows} == {"interval too wide to tell", "compatible"}
    assert "3 of 3 lie in the interval: 1 compatible, 2 in intervals too wide" in (tmp_path / "report.md").read_text()


def test_a_published_number_of_an_unknown_variant_is_refused(make_results, tmp_path):
    config = make_config(published={"numbers": [{"variant": "smot", "metric": "test/accuracy", "value": 1}]})
    with pytest.raises(ConfigError, match="did you mean 'smote'"):
        write_report(make_results(config=config), tmp_path)


def test_each_latex_table_lies_in_a_file_for_papers(results, tmp_path):
    write_report(results, tmp_path, formats=["tex"])
    document, table = ((tmp_path / name).read_text() for name in ("report.tex", "tables/result.tex"))
    comments = [line for line in table.splitlines() if line.startswith("%")]
    assert comments == [
        "% Written by seedbed: a change to this file is lost when the report is written anew.",
        "% Experiment made_up:",
        "%   seedbed run made_up",
        "%   seedbed report made_up",
        r"% The paper's preamble needs \usepackage{booktabs} \usepackage{graphicx}.",
    ]
    body = table.split("\n", len(comments))[-1]
    assert body.startswith("\\begin{table}\n")
    assert r"\label{tab:made_up:result}" in body
    in_document = body.replace(r"\begin{table}", r"\begin{table}[H]").replace(r"\label{tab:made_up:result}", "")
    assert in_document in document
    assert r"\usepackage[T1]{fontenc}" in (tmp_path / "tables" / "claims.tex").read_text()


def test_tables_of_an_earlier_report_go_and_those_of_others_stay(make_results, results, tmp_path):
    write_report(results, tmp_path, formats=["tex"])
    (tmp_path / "tables" / "mine.tex").write_text("% my own\n")
    without_claims = make_results(config=make_config(published={}))
    write_report(without_claims, tmp_path, formats=["md"])
    assert (tmp_path / "tables" / "claims.tex").exists()  # LaTeX was not asked for
    write_report(without_claims, tmp_path, formats=["tex"])
    left = {path.stem for path in (tmp_path / "tables").iterdir()}
    assert left == {*OF_PAPERS, "mine"} - {"claims"}


# ---- numbers ----


def test_one_number_everywhere(make_results, tmp_path):
    results = make_results({"a": {"test/accuracy": [0.10, 0.12, 0.30]}}, plain_config())
    write_report(results, tmp_path)
    tex = (tmp_path / "report.tex").read_text()
    assert "0.1733 ± 0.1102" in (tmp_path / "report.md").read_text()
    assert r"0.1733 $\pm$ 0.1102" in tex
    assert " & 3 & " in tex
    assert "sample std" in tex
    assert "0.1733 ± 0.1102" in table_text(results)


def test_a_single_seed_shows_no_spread(make_results, tmp_path):
    results = make_results({"a": {"test/accuracy": [0.9]}, "b": {"test/accuracy": [0.8]}}, plain_config())
    write_report(results, tmp_path)
    for name in ("report.md", "report.tex"):
        text = (tmp_path / name).read_text()
        assert "0.900 (n=1)" in text
        assert "nan" not in text.lower()
    assert "not tested (one pair: no spread, so no test)" in (tmp_path / "report.md").read_text()


def test_ties_are_bold_by_displayed_value_and_each_column_has_its_own_best(make_results, tmp_path):
    values = {
        "a": {"test/rmse": [0.90, 0.90], "test/accuracy": [0.7, 0.7]},
        "b": {"test/rmse": [0.85, 0.85], "test/accuracy": [0.8, 0.8]},
        "c": {"test/rmse": [0.850001, 0.850001], "test/accuracy": [0.8, 0.8]},
        "d": {"test/rmse": [math.nan, math.nan], "test/accuracy": [0.85, math.nan]},
    }
    results = make_results(values, plain_config(metric="test/rmse"))
    assert analyse(results).best() == {"b", "c"}
    assert analyse(results, "test/accuracy").best() == {"b", "c"}  # d lacks a seed
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


def test_a_killed_cell_enters_no_mean(make_results):
    """Whatever it had recorded when it was killed."""
    values = {"a": {"test/accuracy": [0.9, 0.1, 0.8]}}
    for status in ("KILLED", "RUNNING"):
        cells = make_cells(values)
        cells.loc[1, "status"] = status
        analysis = analyse(make_results(values, plain_config(), cells=cells))
        assert (analysis.count("a"), analysis.summaries["a"].mean) == ("n=2/3, 1 not run", pytest.approx(0.85))


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
    assert "can't be told apart from `none` on `test/accuracy` with 10 seeds." in text
    places = [text.index(f"## {title}") for title in ("Result", "Other", "Comparisons", "Claims", "Data", "Recipe")]
    assert places == sorted(places)
    for said in ("F1 (%)", "403", "swap, delete", "seedbed run made_up", "A subset of the whole", "hidden:"):
        assert said in text


def test_what_the_data_hold_and_how_they_were_trained_on_is_said(make_results, tmp_path):
    counts = {"rows": 5, "users": 3, "items": 3, "duplicates": 403, "label_conflicts": 2}
    split = {"train": 2, "val": 3, "test": 0}
    cold = {"cold_users": 1, "cold_items": 1, "cold_rows": 2}
    data = make_results().data | {"counts": counts, "split": split, "split_counts": cold}
    config = plain_config() | {"trainer": {"deterministic": "warn"}}
    write_report(make_results(config=config, data=data), tmp_path, formats=["md"])
    page = (tmp_path / "report.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.split("## Data")[1].splitlines()]
    said = {row[0]: row[1] for row in rows if len(row) == 2}
    shown = {"rows": "5", "users": "3", "items": "3", "duplicates": "403", "label conflicts": "2"}
    shown |= {"split": "train 2, val 3, test 0", "SHA-256": f"`{'0' * 64}`"}
    shown |= {f"{what} (of the first seed)": count for what, count in (("cold users", "1"), ("cold rows", "2"))}
    assert shown.items() <= said.items()
    assert "deterministic: warn" in page.split("## Recipe")[1]


def test_the_terminal_table_has_a_row_a_variant(results):
    text = table_text(results)
    assert row_of(text, "undersample").endswith("worse")
    assert row_of(text, "smote").endswith("can't be told apart")
    assert row_of(text, "none").endswith("baseline")


def test_the_terminal_says_what_became_of_the_claims_in_the_words_of_the_page(results, make_results):
    description, _ = launch_page(analyse(results), with_pictures=False)
    [said] = [line for line in table_text(results).splitlines() if line.startswith("Of the source's seven claims")]
    assert said in description
    assert "one is too weak for any test to decide" in said
    unread = make_config(published={"claims": [{"text": "x", "check": {"worse_then": ["smote", "none"]}}]})
    text = table_text(make_results(config=unread))
    assert "The claims of the source are not checked: published.claims: " in text
    assert row_of(text, "undersample").endswith("worse")


def test_lower_is_better_turns_the_verdict(results):
    verdicts = {row.variant: row.verdict for row in analyse(results, "test/loss").family}
    assert verdicts["undersample"] == "worse"
    assert comparison_table(analyse(results, "test/loss")).set_index("variant").loc["undersample", "difference"] > 0


def test_without_a_baseline_all_pairs_are_one_family(make_results):
    analysis = analyse(make_results(config=make_config(report={"metric": "test/accuracy"})))
    assert len(analysis.family) == 15
    assert "pairs can't be told apart" in table_text(analysis.results)


def test_seeds_that_share_their_test_rows_say_nothing_of_a_population(make_results, tmp_path):
    data = make_results().data | {"same_split": False, "same_test": True}
    results = make_results(config=plain_config(baseline="none"), data=data)
    assert analyse(results).design == "fixed"
    write_report(results, tmp_path, formats=["md"])
    text = (tmp_path / "report.md").read_text()
    assert "All seeds are tested on the same rows, so nothing is said about the population" in text
    assert "signed-rank test beside it: all seeds are tested on the same rows." in text
    assert "share one split" not in text
    redrawn = make_results(config=plain_config(baseline="none"), data=data | {"same_test": False})
    assert analyse(redrawn).design == "resampled"


def test_of_two_equally_frequent_classes_none_is_rarer(make_results, tmp_path):
    for ham, which in ((4827, "the rarer one"), (747, "the first of two equally frequent ones")):
        counts = {"rows_ham": ham, "rows_spam": 747}
        data = make_results().data | {"classes": ["ham", "spam"], "minority": "spam", "counts": counts}
        write_report(make_results(config=plain_config(), data=data), tmp_path, formats=["md"])
        assert f"those of class spam, {which}." in (tmp_path / "report.md").read_text()


def test_the_positive_class_that_was_chosen_is_named_as_such(make_results, tmp_path):
    data = make_results().data | {
        "classes": ["ham", "spam"],
        "minority": "ham",
        "counts": {"rows_ham": 9, "rows_spam": 3},
    }
    config = plain_config() | {"data": {"positive": "ham"}}
    write_report(make_results(config=config, data=data), tmp_path, formats=["md"])
    assert "those of class ham, as data.positive says." in (tmp_path / "report.md").read_text()


def test_a_fixed_split_is_tested_by_the_paired_tests(make_results, tmp_path):
    split = {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False, "seed": 0}
    write_report(make_results(config=make_config(split=split)), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "Wilcoxon" in text
    assert "Corrected" not in text


# ---- what is refused ----


def test_a_metric_that_was_added_after_the_cells_had_been_trained_is_said_to_be_one(results):
    with pytest.raises(ConfigError, match=r"'test/mcc'.*is not recorded\. Nor is one that was added .*another store"):
        analyse(results, "test/mcc")
    with pytest.raises(ConfigError, match=r"'test/acuracy'.*is not recorded\.$"):
        analyse(results, "test/acuracy")


def test_an_unknown_metric_or_baseline_is_answered_with_near_misses(results):
    with pytest.raises(ConfigError, match=r"'test/acuracy'.*did you mean 'test/accuracy'"):
        analyse(results, "test/acuracy")
    with pytest.raises(ConfigError, match=r"'smot'.*did you mean 'smote'"):
        analyse(results, baseline="smot")
    with pytest.raises(ConfigError, match=r"'val_los'.*Recorded are test/accuracy, test/f1, test/loss"):
        analyse(results, "val_los")


def test_a_variant_without_the_metric_shows_a_dash_and_is_never_best(make_results):
    values = {"a": {"test/accuracy": [math.nan] * 3}, "b": {"test/accuracy": [0.1, 0.2, 0.3]}}
    results = make_results(values, plain_config(baseline="b"))
    assert analyse(results).best() == {"b"}
    assert row_of(table_text(results), "a").split()[1] == "-"


def test_a_launch_in_which_everything_failed_has_its_row(make_results):
    cells = make_cells({"a": {"test/accuracy": [0.1]}})[list(CELL_COLUMNS)].assign(status="FAILED", outcome="")
    results = make_results({"a": {"test/accuracy": [0.1]}}, plain_config(), cells=cells)
    assert "n=0/1, 1 failed" in row_of(table_text(results), "a")


# ---- awkward names ----


AWKWARD = ["top@10_acc", "f1 (%)", "bias_&_dot", r"a\b{c}$d^e~f#g", "naïve → <x|y>", "[a]*"]


def test_awkward_names_go_through_every_format(make_results, tmp_path):
    values = {name: {"test/f1 (%)": [place, place + 1.0, place + 3.0]} for place, name in enumerate(AWKWARD)}
    results = make_results(values, plain_config(metric="test/f1 (%)", baseline=AWKWARD[0]))
    write_report(results, tmp_path)
    assert r"bias\_\&\_dot" in (tmp_path / "report.tex").read_text()
    assert (tmp_path / "f1_.png").exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_the_latex_document_compiles(make_results, tmp_path, real_pictures):
    values = {name: {"test/f1 (%)": [place, place + 1.0, place + 3.0]} for place, name in enumerate(AWKWARD)}
    claims = [{"text": name, "check": {"all_means_between": [0, 1]}} for name in AWKWARD]
    numbers = [{"variant": name, "metric": "test/f1 (%)", "value": -93.5} for name in AWKWARD]
    config = plain_config(metric="test/f1 (%)", baseline=AWKWARD[0], rope=0.5)
    config |= {"published": {"claims": claims, "numbers": numbers}, "question": "Is 5 % of a_b & c #1?"}
    circumstances = {name: {"selection": f"select=best by {name}"} for name in AWKWARD}
    results = make_results(values, config, circumstances=circumstances)
    write_report(results, tmp_path, formats=["tex"])
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert "<./f1_.png" in done.stdout.replace("\n", "")  # the pictures are in it


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_a_paper_takes_in_every_table_with_the_packages_that_it_names(make_results, tmp_path):
    """A long one too, and those of several experiments side by side."""
    for many in (3, 50):
        values = {f"v{place:02}_&": {"test/f1": [place, place + 1.0]} for place in range(many)}
        results = make_results(values, plain_config(metric="test/f1", baseline="v00_&"))
        write_report(replace(results, experiment=f"of_{many}"), tmp_path / f"of_{many}", formats=["tex"])
    tables = sorted(tmp_path.glob("of_*/tables/*.tex"))
    needed = {
        name for path in tables for name in re.findall(r"\\usepackage\S+\}", path.read_text().split("\\begin")[0])
    }
    taken = "\n".join(rf"\input{{{path.relative_to(tmp_path)}}} \clearpage" for path in tables)
    named = re.findall(r"\\label\{(.*?)\}", "".join(path.read_text() for path in tables))
    paper = ["\\documentclass{article}", *sorted(needed), "\\begin{document}", taken]
    paper += [f"See \\ref{{{label}}}." for label in named]
    (tmp_path / "paper.tex").write_text("\n".join([*paper, "\\end{document}"]))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    assert len(set(named)) == len(named) > 5
    assert "undefined" not in done.stdout
    assert "multiply defined" not in done.stdout


# ---- figure ----


def test_bars_are_cut_where_the_metric_ends_and_numbers_are_not(make_results, tmp_path):
    found = span(summary([0.95, 0.99, 1.0]), "2std", (0.0, 1.0))
    assert found.high == pytest.approx(1.0329, abs=1e-4)
    assert found.drawn_high == 1.0
    assert span(summary([0.1, 1.0]), "2std", (0.0, None)).drawn_low == 0.0
    free = span(summary([0.1, 1.0]), "2std", (None, None))
    assert (free.drawn_low, free.drawn_high) == (free.low, free.high)
    results = make_results({"a": {"test/accuracy": [0.95, 0.99, 1.0]}}, plain_config())
    write_report(results, tmp_path)
    assert "0.9800 ± 0.0265" in (tmp_path / "report.md").read_text()
    assert (
        "Bars are cut at 1.0, where the metric ends" in rendered(lambda: means_figure(analyse(results)), "svg").decode()
    )


def test_intervals_beyond_the_ends_of_the_metric_are_shown_and_explained(make_results, tmp_path):
    values = {name: {"test/accuracy": of} for name, of in (("high", [0.95, 0.99, 1.0]), ("middle", [0.5, 0.51, 0.52]))}
    write_report(make_results(values, plain_config()), tmp_path, formats=["md"])
    page = (tmp_path / "report.md").read_text()
    assert "| [0.9143, 1.0457] |" in page
    of_runs, of_population = re.findall(
        r"^(?:<[^>]*>)?The interval of `high` goes beyond \[0, 1\], where .*", page, re.MULTILINE
    )
    assert of_runs == of_population
    assert of_runs.rstrip("<br>").endswith("It is shown as computed.")
    assert note_on_intervals({"a": summary([0.1, 2.0])}, Bounds(0.0))[0].startswith(
        "The interval of `a` goes below 0, where"
    )
    assert note_on_intervals({"a": summary([0.1, 2.0])}, Bounds()) == []


def test_a_bar_without_height_shows_its_colour(make_results):
    values = {"none": {"test/accuracy": [0.0, 0.0]}, "smote": {"test/accuracy": [0.4, 0.5]}}
    (axes,) = means_figure(analyse(make_results(values, plain_config(baseline="none", axis=None)))).axes
    baseline, other = axes.patches
    assert (baseline.get_height() < 0, other.get_height()) == (True, pytest.approx(0.45))
    assert not baseline.get_clip_on()
    assert baseline.get_facecolor() != other.get_facecolor()


def test_the_kinds_of_bars(make_results):
    found = summary([1.0, 2.0, 3.0])
    assert span(found, "std", (None, None)).high == pytest.approx(3.0)
    assert span(found, "2std", (None, None)).high == pytest.approx(4.0)
    assert span(found, "ci95", (None, None)).high == pytest.approx(found.high)
    results = make_results({"a": {"test/accuracy": [0.5, 0.6]}}, plain_config(bars="2sdt"))
    with pytest.raises(ConfigError, match="did you mean '2std'"):
        means_figure(analyse(results))


# ---- what else a comparison says ----


def test_probability_of_improvement_follows_the_metrics_direction(make_results, tmp_path):
    values = {"a": {"test/rmse": [0.8, 0.9, 0.7, 0.9]}, "b": {"test/rmse": [0.9, 0.8, 0.9, 0.9]}}
    analysis = analyse(make_results(values, plain_config(metric="test/rmse", baseline="b")))
    assert analysis.improvement(analysis.family[0]) == (2 + 0.5) / 4
    assert comparison_table(analysis)["improvement"].tolist() == [0.625]


def test_a_region_of_equivalence_adds_three_chances(make_results, tmp_path):
    config = make_config(report={"metric": "test/accuracy", "baseline": "none", "rope": 0.005})
    results = make_results(config=config)
    write_report(results, tmp_path, formats=["md"])
    text = (tmp_path / "report.md").read_text()
    assert "± 0.005, by the Bayesian correlated t-test" in text
    cells = [cell.strip() for cell in row_of(text, "undersample − none").split("|")]
    worse, level, better = map(float, cells[-5:-2])
    assert worse > 0.9
    assert worse + level + better == pytest.approx(1, abs=2e-3)
    assert analyse(results, "test/f1").rope is None  # its size is one of the experiment's own metric
    with pytest.raises(ConfigError, match=r"report\.rope=-1"):
        analyse(results, rope=-1)


def test_each_variant_has_median_interquartile_mean_and_both_intervals(results, tmp_path):
    write_report(results, tmp_path, formats=["md"])
    section = (tmp_path / "report.md").read_text().split("## Every seed")[1].split("## ")[0]
    cells = [cell.strip() for cell in row_of(section, "smote").split("|")]
    values = results.values("smote", "test/accuracy")
    assert cells[2:5] == ["10", f"{values.median():.4f}", f"{stats.trim_mean(values, 0.25):.4f}"]
    narrow, wide = ([float(end) for end in cell.strip("[]").split(",")] for cell in cells[-3:-1])
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_five_seeds_with_one_split_are_told_what_wilcoxon_can_say(make_results, tmp_path):
    values = {
        name: {"test/accuracy": [0.5 + shift + seed / 50 for seed in range(5)]}
        for name, shift in (("a", 0), ("b", 0.1))
    }
    values["b"]["test/accuracy"][0] += 0.01
    split = {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False}
    config = plain_config(baseline="a") | {"split": split}
    write_report(make_results(values, config), tmp_path, formats=["md"])
    text = (tmp_path / "report.md").read_text()
    assert "With 5 pairs Wilcoxon's p cannot be smaller than 0.062, so that it can tell nothing apart;" in text
    assert "nothing is said about the population" in text


# ---- what is left out, and what cannot stand side by side ----


def test_what_was_left_out_is_said_with_its_reason(make_results, tmp_path):
    values = {"none": {"test/accuracy": [0.9, 0.8]}, "smote": {"test/accuracy": [0.7, 0.6]}}
    cells = make_cells(values)
    cells.loc[3, "outcome"] = "diverged"
    write_report(make_results(values, make_config(published={}), cells=cells), tmp_path, formats=["md"])
    section = (tmp_path / "report.md").read_text().split("## What was left out")[1].split("## ")[0]
    assert "- `smote`: 1 diverged. Enters no mean and no interval; a verdict counts" in section
    assert "`undersample`, `oversample` and `text_augment`: not asked for in this launch." in section


def test_other_data_or_another_selection_has_a_footnote_in_every_format(make_results, tmp_path):
    common = {"data": "aaaa", "selection": "select=last"}
    circumstances = dict.fromkeys(MEANS, common) | {
        "smote": common | {"data": "bbbb"},
        "oversample": common | {"selection": "select=best by val/loss"},
    }
    write_report(make_results(circumstances=circumstances), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| oversample¹ |" in text
    assert "| smote² |" in text
    assert "¹ Selection select=best by val/loss (most: select=last)." in text
    assert "² Data bbbb (most: aaaa)." in text
    assert "² Data bbbb" in (tmp_path / "report.html").read_text()
    tex = (tmp_path / "report.tex").read_text()
    assert r"\textsuperscript{2} Data bbbb" in tex
    assert r"smote\textsuperscript{2} &" in tex
    sections = ("Every seed", "Other metrics", "Comparisons")
    assert ["oversample¹" in text.split(f"## {title}")[1].split("## ")[0] for title in sections] == [True] * 3
    assert "Data bbbb" in row_of((tmp_path / "comparisons.csv").read_text(), "smote")
    assert "² Data bbbb" in table_text(make_results(circumstances=circumstances))


def test_more_than_nine_footnotes_have_marks_of_two_digits(make_results):
    values = {f"v{place:02}": {"test/accuracy": [0.5, 0.6]} for place in range(30)}
    circumstances = {name: {"data": "usual" if place > 11 else name} for place, name in enumerate(values)}
    marks, notes = footnotes(make_results(values, plain_config(), circumstances=circumstances))
    assert (marks["v00"], marks["v11"], len(notes)) == ("¹", "¹²", 12)
    assert latex(marks["v11"]) == r"\textsuperscript{1}\textsuperscript{2}"


def test_published_points_of_a_curve_are_compared_with_sound_seeds_only(make_results):
    values = {"a": {"test/accuracy": [0.9, 0.9, 0.1]}}
    cells = make_cells(values)
    cells.loc[2, "outcome"] = "diverged"
    curves = pd.DataFrame(
        [("a", seed, 0, "val/accuracy", value) for seed, value in enumerate([0.8, 0.9, 0.1])],
        columns=["variant", "seed", "epoch", "metric", "value"],
    )
    config = plain_config() | {"published": {"curves": [{"variant": "a", "metric": "val/accuracy", "values": [0.85]}]}}
    [number] = published_numbers(make_results(values, config, cells=cells, curves=curves))
    assert (number.ours.n, number.ours.mean) == (2, pytest.approx(0.85))


def test_what_was_not_tested_is_not_called_undecided(make_results):
    values = {
        "a": {"test/accuracy": [0.5, 0.6]},
        "b": {"test/accuracy": [0.6, 0.7]},
        "c": {"test/accuracy": [0.9, 0.6]},
    }
    text = table_text(make_results(values, plain_config(baseline="a")))
    assert "c can't be told apart from a on test/accuracy with 2 seeds." in text
    assert (
        "Not tested on test/accuracy: b against a (the same difference in each of 2 pairs: no spread, so no test)."
        in text
    )


def test_claims_about_a_metric_that_was_not_recorded_cannot_be_told(make_results, tmp_path):
    config = make_config(report={"metric": "test/recall", "baseline": "none"})
    write_report(make_results(config=config), tmp_path, metric="test/loss", formats=["md"])
    section = (tmp_path / "report.md").read_text().split("## Claims of the source")[1].split("## ")[0]
    assert section.count("test/recall, which the claims are about, was not recorded.") == 7


def test_a_long_list_of_differences_is_cut_in_the_summary_and_not_in_the_table(make_results, tmp_path):
    values = {f"v{place:02}": {"test/accuracy": [place + 0.1, place + 0.3]} for place in range(12)}
    for place, name in enumerate(values):
        values[name]["test/accuracy"][0] += place % 3 / 1000
    split = {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False}
    results = make_results(values, plain_config(baseline=None) | {"split": split})
    text, _ = launch_page(analyse(results), with_pictures=False)
    assert len(text) < 8000
    said = re.search(
        r"- On `test/accuracy` with 2 seeds all 48 tested pairs are told apart; the largest differences: ", text
    )
    assert said, text
    assert len(re.findall(r"is (?:better|worse) than", text.split("Intervals and verdicts")[0])) == 3
    assert "| v11 |" in text
    write_report(results, tmp_path, formats=["tex"])
    assert r"\begin{longtable}" in (tmp_path / "report.tex").read_text()


def test_a_bar_that_the_axis_cuts_is_named(make_results):
    values = {"a": {"test/accuracy": [0.3, 0.5, 0.7]}, "b": {"test/accuracy": [0.3, 0.31, 0.32]}}
    config = plain_config(baseline="b")
    config["report"] |= {"axis": [0.0, 0.7], "bars": "2std"}
    drawn = rendered(lambda: means_figure(analyse(make_results(values, config))), "svg").decode()
    assert "Bars that go on beyond the axis: a (to 0.9)." in drawn


def test_very_many_verdicts_are_counted_first(make_results):
    rng = np.random.default_rng(0)
    values = {"base": {"test/accuracy": (0.5 + rng.normal(0, 0.001, 10)).tolist()}}
    for place in range(9):
        mean = 0.6 + place / 100 if place < 7 else 0.4
        values[f"v{place}"] = {"test/accuracy": (mean + rng.normal(0, 0.001, 10)).tolist()}
    split = {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False}
    said = summary_sentences(analyse(make_results(values, plain_config(baseline="base") | {"split": split})), [])
    start = "On `test/accuracy` with 10 seeds all 9 are told apart from `base`: seven better, two worse; the largest "
    assert said[0].startswith(f"{start}differences: `v6` is better than `base` by 0.16")
    assert said[0].count(" than ") == 3
    assert said[1].startswith("Intervals and verdicts are about the runs on this one split;")


def test_a_loss_is_not_bold_between_variants_of_different_tasks(make_results, tmp_path):
    numbers = {"test/accuracy": [0.5, 0.6, 0.7], "test/loss": [0.1, 0.2, 0.3], "test/f1": [0.1, 0.2, 0.4]}
    values = {"a": numbers, "b": {name: [value + 0.125 for value in of] for name, of in numbers.items()}}
    for override, bold in (("optimizer.lr=0.1", True), ("task.cells=rated", False), ("task=rating", False)):
        config = plain_config(baseline="a") | {"variants": {"a": [], "b": [override]}, "seeds": 3}
        launches = [{"id": "none trained", "started": "", "command": "seedbed run made_up"}]
        write_report(make_results(values, config, launches=launches), tmp_path, formats=["md"])
        text = (tmp_path / "report.md").read_text()
        assert ("No loss is bold" in text) == (not bold)
        row = text.split("## Other metrics")[1].split("| a |")[1].splitlines()[0]
        assert row.count("**") == 2 * bold
        assert "- **a**: the experiment's recipe as it stands" in text
        assert "The config of `a`, the first variant:\n\n```yaml" in text
        assert "trained none of these cells" in text


def test_time_is_no_metric_to_compare_by(results):
    with pytest.raises(ConfigError, match="share the time of their stack"):
        analyse(results, "seconds")


@pytest.mark.parametrize("folder", [" --config-dir mine", " --config-dir=~/mine", " --config-dir 'my own'"])
def test_both_commands_name_the_folder_of_the_experiment(make_results, tmp_path, folder):
    launches = [{"id": "new", "started": "", "command": f"seedbed run made_up{folder} seeds=3"}]
    write_report(make_results(launch="new", launches=launches), tmp_path, formats=["md"])
    commands = f"seedbed run made_up{folder} seeds=3\nseedbed report made_up{folder}\n"
    assert commands in (tmp_path / "report.md").read_text()


def test_the_command_is_that_of_the_launch_reported(make_results, tmp_path):
    launches = [{"id": name, "started": "", "command": f"seedbed run {name}"} for name in ("old", "new")]
    write_report(make_results(launch="old", launches=launches), tmp_path, formats=["md"])
    assert "## Repeat\n\n```\nseedbed run old\nseedbed report made_up\n```" in (tmp_path / "report.md").read_text()
    write_report(
        make_results(launches=launches), tmp_path, metric="test/f1", baseline="smote", rope=0.01, formats=["md"]
    )
    command = "seedbed report made_up --metric test/f1 --baseline smote --rope 0.01"
    text = (tmp_path / "report.md").read_text()
    assert command in text
    assert "Of the source's seven claims (about `test/accuracy`)" in text


def test_a_launch_by_another_recipe_says_so_beside_the_sources_numbers(make_results, tmp_path):
    numbers = [{"variant": "none", "metric": "test/accuracy", "value": 0.989}]
    config = make_config(published={"claims": CLAIMS, "numbers": numbers})
    write_report(make_results(config=config, overrides=["trainer.max_epochs=1"]), tmp_path, formats=["md"])
    text = (tmp_path / "report.md").read_text()
    assert "- This launch changed the experiment's recipe: `trainer.max_epochs=1`." in text
    assert text.count("this launch changed its recipe: `trainer.max_epochs=1`") == 2


def test_differences_too_small_to_matter_are_named(make_results):
    text = "\n".join(summary_sentences(analyse(make_results(), rope=0.02), []))
    assert re.search(
        r"differ from `none` by less than 0.02, too little to matter, with a probability of 0\.9\d\d", text
    )
    assert "too little" not in "\n".join(summary_sentences(analyse(make_results(), rope=1e-5), []))


# ---- the page ----


def test_the_page_needs_no_file_and_no_host(drawn):
    _, files = drawn
    [page] = [path.read_text() for path in files if path.name == "report.html"]
    assert page.count('<img src="data:image/svg+xml;base64,') == 4
    references = re.findall(r"""(?:src|href|action)=["']([^"']*)|url\(([^)]*)\)|@import""", page)
    assert all(either.startswith(("data:", "#")) for found in references for either in found if either)
    assert "undersample" in page
    assert "<h2 id=" in page


def test_the_page_shows_markup_in_names_as_text(make_results, tmp_path):
    values = {"<script>alert(1)</script>": {"test/accuracy": [0.5, 0.6]}, "b": {"test/accuracy": [0.5, 0.7]}}
    [path] = write_report(make_results(values, plain_config()), tmp_path, formats=["html"])
    assert "<script>alert" not in path.read_text()
    assert "&lt;script&gt;alert(1)" in path.read_text()


def test_the_page_shows_links_and_images_in_names_as_text(make_results, tmp_path):
    """A backtick ends the code in which a name stands in a sentence."""
    hostile = "`![x](http://h.invalid/x.gif) [y](http://h.invalid/y)"
    values = {hostile: {"test/accuracy": [0.5, 0.6]}, "b": {"test/accuracy": [0.5, 0.7]}}
    [path] = write_report(make_results(values, plain_config()), tmp_path, formats=["html"])
    assert "![x](http://h.invalid/x.gif)" in path.read_text()
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", path.read_text())


# ---- figures ----


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["single", "diverged", "nothing", "constant", "many"])
def test_pictures_of_results_with_gaps(make_results, kind):
    column = {
        "single": [0.9], "diverged": [0.9, 0.8, 0.1], "nothing": [math.nan] * 3, "constant": [0.5] * 3,
        "many": [0.1, 0.2, 0.3],
    }[kind]  # fmt: skip
    names = [f"a_variant_with_a_long_name_{place}" for place in range(8 if kind == "many" else 3)]
    values = {
        name: {"test/accuracy": [value + place / 100 * (kind == "many") for value in column]}
        for place, name in enumerate(names)
    }
    cells = make_cells(values)
    if kind == "diverged":
        cells.loc[2, "outcome"] = "diverged"
    config = plain_config() | {"monitor": "val/accuracy"}
    results = make_results(values, config, cells=cells)
    drawn = launch_pictures(evidence_of(analyse(results)))
    assert {"accuracy", "seeds", "curves"} <= {picture.name for picture in drawn}
    assert all(content.startswith(b"\x89PNG") for content in files_of(drawn, kinds=("png",)).values())


def test_a_value_beyond_the_end_of_its_metric_is_drawn(make_results):
    """By rounding in 32 bits a share may be larger than 1."""
    for metric, column in (
        ("test/ndcg", [1.0000001, 1.0000002]),
        ("test/loss", [-0.1, 0.2]),
        ("test/reward", [-3.0, -1.0]),
    ):
        results = make_results({"a": {metric: column}}, plain_config(metric=metric))
        axes = means_figure(analyse(results)).axes[0]
        assert axes.get_ylim()[0] < min(column)
        assert axes.get_ylim()[1] > max(column)


def test_the_mean_curve_ends_where_the_first_seed_does(make_results):
    points = [("a", seed, epoch, "val/loss", 1.0) for seed, last in enumerate((2, 2, 4)) for epoch in range(last)]
    curves = pd.DataFrame(points, columns=["variant", "seed", "epoch", "metric", "value"])
    values = {"a": {"test/accuracy": [0.5, 0.6, 0.7]}}
    figure = curves_figure(make_results(values, plain_config(), curves=curves), "val/loss", {})
    [mean] = [line for line in figure.axes[0].lines if line.get_label() == "ours, mean while all seeds train"]
    assert list(mean.get_xdata()) == [1, 2]


def test_groups_of_a_critical_difference_diagram():
    assert cliques([1.0, 1.5, 3.0, 3.2, 5.0], 1.0) == [(1.0, 1.5), (3.0, 3.2)]
    assert cliques([1.0, 2.0, 3.0], 1.0) == [(1.0, 2.0), (2.0, 3.0)]
    assert cliques([1.0, 2.0, 3.0], 5.0) == [(1.0, 3.0)]
    assert cliques([1.0, 3.0], 0.5) == []


def test_curves_of_diverged_seeds_enter_no_mean(make_results):
    values = {"a": {"test/accuracy": [0.9, 0.1]}}
    cells = make_cells(values)
    cells.loc[1, "outcome"] = "diverged"
    figure = curves_figure(make_results(values, plain_config(), cells=cells), "val/accuracy", {})
    labels = figure.legends[0].get_texts()
    assert {text.get_text() for text in labels} == {"ours, mean over the seeds", "diverged, in no mean"}


# ---- power ----


def test_power_says_how_many_seeds_a_difference_takes(make_results):
    split = {"train": 0.7, "val": 0.1, "test": 0.2, "per_seed": False}
    values = {"a": {"test/accuracy": [0.5, 0.7, 0.6, 0.8]}, "b": {"test/accuracy": [0.6, 0.6, 0.8, 0.7]}}
    config = plain_config(baseline="b") | {"split": split}
    analysis = analyse(make_results(values, config), rope=0.2)
    std = (results := analysis.results).values("a", "test/accuracy").sub(results.values("b", "test/accuracy")).std()
    needed = seeds_needed(0.2, std)
    assert row_of(power_text(analysis), "a").split() == [
        "a",
        f"{std:.4f}",
        "4",
        f"{100 * power(0.2, std, 4):.0f}",
        "%",
        str(needed),
    ]
    assert "4 seeds (now)" in power_text(analyse(results))


def test_power_under_redrawn_splits_says_when_seeds_do_not_help(results, make_results):
    text = power_text(analyse(results, rope=1e-4))
    assert "no number: more data" in row_of(text, "undersample")
    assert "0.01, 0.05 shared among five comparisons" in text
    single = make_results({"a": {"test/accuracy": [0.9]}, "b": {"test/accuracy": [0.8]}}, plain_config())
    assert "one pair: no spread, so no test" in power_text(analyse(single))


def test_power_knows_the_spread_of_differences_whose_mean_is_zero(make_results):
    values = {"a": {"test/accuracy": [0.5, 0.7]}, "b": {"test/accuracy": [0.7, 0.5]}}
    text = power_text(analyse(make_results(values, plain_config(baseline="b")), rope=0.1))
    assert row_of(text, "a").split()[1] == f"{0.4 / math.sqrt(2):.4f}"


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
    with pytest.raises(ConfigError, match=r"baseline=none: .*has no variant 'none'"):
        analyse(results, baseline="none")


def test_training_and_validation_loss_stand_side_by_side(make_results, tmp_path):
    points = [
        ("a", seed, epoch, metric, first / (epoch + 1) + seed / 10)
        for metric, first in (("train/loss", 2.0), ("val/loss", 3.0))
        for seed in range(3)
        for epoch in range(4)
    ]
    curves = pd.DataFrame(points, columns=["variant", "seed", "epoch", "metric", "value"])
    config = plain_config(metric="test/loss", loss="both")
    results = make_results({"a": {"test/loss": [0.5, 0.6, 0.7]}}, config, curves=curves)
    write_report(results, tmp_path, formats=["md"])
    text = (tmp_path / "report.md").read_text().partition("## Training and validation loss")[2]
    rows = [[cell.strip()[:4] for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"]
    assert rows[2:4] == [["a", "trai", "2.10", "1.10", "0.60"], ["", "vali", "3.10", "1.60", "0.85"]]
    assert (tmp_path / "loss.png").is_file()
