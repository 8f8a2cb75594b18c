"""Findings: bound to the results that they are about, with numbers filled in from them; and those that are committed."""

from __future__ import annotations

import csv
import json
import re

import pandas as pd
import pytest
import yaml

from seedbed.errors import ConfigError
from seedbed.paths import config_groups
from seedbed.report.benchmark.findings import read_findings_over
from seedbed.report.findings import FILE, _mean, _together, cells_digest, digest_of, other_cells, read_findings
from seedbed.report.record import read_record
from seedbed.report.writing import write_report
from seedbed.results import Benchmark
from tests.report.committed import EXPERIMENTS, committed_results
from tests.report.conftest import make_cells, make_config

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("undrawn")]
VALUES = {"a": {"test/accuracy": [0.25, 0.5, 0.75]}, "b": {"test/accuracy": [0.5, 0.75, 0.875]}}
PLACE = ["a", "test/accuracy"]


@pytest.fixture
def results(make_results):
    published = {"numbers": [{"variant": "a", "metric": "test/accuracy", "value": 0.75}]}
    config = make_config(
        published=published, report={"metric": "test/accuracy", "baseline": "b"}, variants={"a": [], "b": []}
    )
    return make_results(VALUES, config)


@pytest.fixture
def write(tmp_path, results):
    def file(*findings, cells=None):
        path = tmp_path / FILE
        content = {"cells": digest_of(results) if cells is None else cells, "findings": list(findings)}
        path.write_text(yaml.safe_dump(content))
        return path

    return file


def finding(text, values=None, **more):
    return {"text": text, "command": "seedbed run made_up", "values": values or {}} | more


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ({"mean": PLACE}, "0.5000"),
        ({"mean": PLACE, "seeds": [1, 2], "format": ".3f"}, "0.625"),
        ({"mean": ["none", "val/accuracy", 1], "format": ".2f"}, None),
        ({"std": PLACE, "format": ".2f"}, "0.25"),
        ({"n": PLACE, "format": "word"}, "three"),
        ({"ranked": PLACE, "at": 1, "format": ".2f"}, "0.25"),
        ({"ranked": PLACE, "at": -1, "format": ".2f"}, "0.75"),
        ({"count": PLACE, "below": 0.6, "format": "word"}, "two"),
        ({"count": PLACE, "above": 0.6, "format": ".0f"}, "1"),
        ({"published": PLACE, "format": ".2f"}, "0.75"),
        ({"z": PLACE, "format": ".1f"}, "1.0"),
        ({"difference": [{"published": PLACE}, {"mean": PLACE}], "format": ".2f"}, "0.25"),
        ({"ratio": [{"mean": PLACE}, {"std": PLACE}], "format": ".1f"}, "2.0"),
        ({"verdict": ["a", "b"]}, "can't be told apart"),
        ({"verdict": ["a", "b"], "metric": "test/accuracy"}, "can't be told apart"),
        ({"interval": ["a", "b"]}, "-0.2083 [-0.4527, 0.0360]"),
        ({"interval": ["b", "a"], "metric": "test/accuracy"}, "+0.2083 [-0.0360, 0.4527]"),
        ({"mean": {"minus": [PLACE, ["b", "test/accuracy"]]}, "format": ".3f"}, "-0.208"),
        ({"std": {"minus": [PLACE, ["b", "test/accuracy"]]}}, "0.0722"),
        ({"count": {"minus": [PLACE, ["b", "test/accuracy"]]}, "below": -0.2, "format": "word"}, "two"),
    ],
)
def test_values_are_worked_out(results, write, rule, shown):
    path = write(finding("It is {it}.", {"it": rule}))
    if shown is None:
        with pytest.raises(ConfigError, match="'none' is not a variant"):
            read_findings(path, results)
        return
    assert [found.text for found in read_findings(path, results)] == [f"It is {shown}."]


def test_values_of_an_epoch_are_those_of_the_seeds_that_are_named(make_results, tmp_path):
    """Seed 0 stopped early and seed 3 diverged: neither shifts the others."""
    rows = [
        (variant, seed, epoch, "val/mse", 10 * seed + epoch + (100 if variant == "b" else 0))
        for variant, lost in (("a", 0), ("b", 1))
        for seed in range(4)
        for epoch in range(1 if seed == lost else 3)
    ]
    columns = {name: {"test/accuracy": [0.5, 0.6, 0.7, 0.8]} for name in "ab"}
    cells = make_cells(columns)
    cells.loc[cells["seed"] == 3, "outcome"] = "diverged"
    curves = [
        {"variant": name, "metric": "val/mse", "values": [float(value)] * 3} for name, value in (("a", 1), ("b", 2))
    ]
    results = make_results(
        columns,
        make_config(published={"curves": curves}, variants={"a": [], "b": []}, report={"metric": "test/accuracy"}),
        cells=cells,
        curves=pd.DataFrame(rows, columns=["variant", "seed", "epoch", "metric", "value"]),
    )
    assert _mean(results, ["a", "val/mse", 2], seeds=[1]) == 12
    assert _mean(results, ["a", "val/mse", 2], seeds=[2, 1]) == 17
    assert _mean(results, ["a", "test/accuracy"], seeds=[1]) == 0.6
    for seed in (0, 3, 9):
        with pytest.raises(ConfigError, match=f"seed {seed} has no value at .*: 1 and 2 have one"):
            _mean(results, ["a", "val/mse", 2], seeds=[seed])
    # Of variants together, a seed is the same one in all of them: here 2 alone, which has no spread.
    with pytest.raises(ConfigError, match="no spread"):
        _together(results, ["a", "b"], "val/mse")


def test_values_of_an_epoch(make_results, tmp_path):
    results = make_results(config=make_config(published={}))
    path = tmp_path / FILE
    text = finding("{it}", {"it": {"mean": ["none", "val/accuracy", 1], "format": ".2f"}})
    path.write_text(yaml.safe_dump({"cells": digest_of(results), "findings": [text]}))
    assert read_findings(path, results)[0].text == "0.91"


def test_what_cold_rows_add_to_the_error(make_results, tmp_path):
    columns = {"val/cold_rows": [2, 2], "val/mse_warm": [1.0, 1.0], "val/mse": [1.25, 1.35]}
    results = make_results({"a": columns}, make_config(report={"metric": "val/mse"}, variants={"a": []}, published={}))
    results.data.update(split={"train": 80, "val": 20, "test": 0})
    values = {
        "share": {"cold_share": "a", "format": ".0%"},
        "each": {"ratio": [{"cold_part": "a"}, {"cold_share": "a"}], "format": ".2f"},  # (20 * 1.3 - 18 * 1.0) / 2
    }
    path = tmp_path / FILE
    path.write_text(yaml.safe_dump({"cells": digest_of(results), "findings": [finding("{each} in {share}", values)]}))
    assert read_findings(path, results)[0].text == "4.00 in 10 %"


def test_they_stand_in_the_page_of_their_own_results_alone(results, make_results, write, tmp_path):
    path = write(finding("Seeds of `a` average {mean}.", {"mean": {"mean": PLACE}}))
    write_report(results, tmp_path, formats=["md"])
    page = (tmp_path / "report.md").read_text()
    assert "## Findings" in page
    assert "- Seeds of `a` average 0.5000. `seedbed run made_up`" in page
    assert other_cells(path, results) == ""
    fewer = make_results(
        {name: {"test/accuracy": column["test/accuracy"][:2]} for name, column in VALUES.items()}, results.config
    )
    write_report(fewer, tmp_path, formats=["md"])
    assert "## Findings" not in (tmp_path / "report.md").read_text()
    assert digest_of(fewer) in other_cells(path, fewer)


def test_numbers_that_another_command_gives_are_typed_and_say_so(results, write, tmp_path):
    write(finding("The other loader ends at 0.86.", typed="by made-up 2.8 in 2026"))
    write_report(results, tmp_path, formats=["md"])
    assert "ends at 0.86. `seedbed run made_up` (by made-up 2.8 in 2026)" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (finding("It ends at 0.86."), r"the number 0\.86\. of the finding .* is typed by hand"),
        (finding("It is {it}."), "'it' of the finding .* stands in the text, but not in values"),
        (finding("It is so.", {"it": {"mean": PLACE}}), "is a value that the text does not show"),
        (finding("{it}", {"it": {"meen": PLACE}}), "did you mean 'mean'"),
        (finding("{it}", {"it": {"mean": ["a", "test/acuracy"]}}), "no value at"),
        (finding("{it}", {"it": {"mean": ["aa", "test/accuracy"]}}), "'aa' is not a variant of these results"),
        (finding("{it}", {"it": {"ranked": PLACE}}), "cannot be worked out"),
        (finding("{it}", {"it": 3}), "cannot be worked out"),
        (finding("{it}", {"it": {"mean": PLACE, "format": "big"}}), "cannot be worked out"),
        (finding("{it}", {"it": {"published": ["b", "test/accuracy"]}}), "has published no number at"),
        ({"text": "so"}, "cannot be read. Each finding has text and command"),
        ("a guess", "cannot be read. Each finding has text and command"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(results, write, entry, message):
    with pytest.raises(ConfigError, match=message) as refused:
        read_findings(write(entry), results)
    assert FILE in str(refused.value)


def test_a_file_of_another_form_is_refused_with_the_digest_to_write(results, tmp_path):
    path = tmp_path / FILE
    for text in ("- a\n", "findings: []\n", "cells: x\nfindings: 3\n"):
        path.write_text(text)
        with pytest.raises(ConfigError, match=digest_of(results)):
            read_findings(path, results)
    path.write_text("a: [")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        read_findings(path, results)
    assert read_findings(tmp_path / "none.yaml", results) == []


def test_the_digest_does_not_depend_on_the_order():
    assert cells_digest(["b", "a"]) == cells_digest(["a", "b"]) != cells_digest(["a", "b", "b"])


# ---- those that are committed ----

COMMITTED = sorted(path.parent.name for path in EXPERIMENTS.glob(f"*/{FILE}"))
COUNTED = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|ten|twenty)\b")


def with_split(name):
    """Committed results with the numbers of their rows, which cold rows and tests of splits of each seed's own need."""
    results = committed_results(name)
    data = json.loads((EXPERIMENTS / name / "record.json").read_text())["data"]
    results.data.update({key: data[key] for key in ("same_test", "split")})
    return results


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMITTED)
def test_committed_findings_are_about_the_results_beside_them(name):
    with (EXPERIMENTS / name / "results.csv").open() as stream:
        finished = [row["fingerprint"] for row in csv.DictReader(stream) if row["status"] == "FINISHED"]
    content = yaml.safe_load((EXPERIMENTS / name / FILE).read_text())
    assert content["cells"] == cells_digest(finished)
    if "data_sets" in json.loads((EXPERIMENTS / name / "record.json").read_text()):
        benchmark = read_record(name, EXPERIMENTS / name).results
        assert isinstance(benchmark, Benchmark)
        found = read_findings_over(EXPERIMENTS / name / FILE, benchmark)
    else:
        found = read_findings(EXPERIMENTS / name / FILE, with_split(name))
    assert len(found) == len(content["findings"]) > 0
    assert not [entry.text for entry in found if "{" in entry.text]


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_findings_type_no_number_of_ours(name):
    for entry in yaml.safe_load((EXPERIMENTS / name / FILE).read_text())["findings"]:
        bare = re.sub(r"`[^`]*`", "", entry["text"])
        if entry.get("typed"):
            assert re.search(r"\b20\d\d\b", entry["typed"]), entry["text"]  # when it was made
        else:
            assert not COUNTED.search(bare), entry["text"]


def test_numbers_of_the_other_spam_experiment_are_those_of_its_report():
    other = committed_results("spam_imbalance")
    means = {name: other.values(name, "test/accuracy").mean() for name in ("none", "undersample")}
    text = (EXPERIMENTS / "spam_recurrent" / FILE).read_text()
    assert f"that network's {means['none']:.4f}" in text
    assert f"that of `spam_imbalance` {means['none'] - means['undersample']:.4f}" in text


def test_committed_findings_are_no_choice_of_a_config_group():
    groups = config_groups([EXPERIMENTS.parent])
    assert not [name for name in groups if name.startswith("experiments/")]
    assert "fastai_collab" in groups["experiments"]


def test_no_experiment_carries_findings_of_its_own():
    assert not [path.name for path in EXPERIMENTS.glob("*.yaml") if re.search(r"^  findings:", path.read_text(), re.M)]
