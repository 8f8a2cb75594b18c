"""The files of a report over data sets: the same bytes each time, and read back as they were written."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from scipy.stats import friedmanchisquare

from seedbed.cli.main import main
from seedbed.errors import ConfigError
from seedbed.report.benchmark.analysis import analyse_benchmark
from seedbed.report.benchmark.printed import benchmark_text
from seedbed.report.benchmark.writing import benchmark_page, write_benchmark
from seedbed.report.findings import digest_of
from seedbed.report.record import read_record
from seedbed.results import Benchmark
from tests.report.benchmark.made_up import ahead, changed, levels, lose, make_benchmark
from tests.report.conftest import edit, files, require_balanced

pytestmark = pytest.mark.usefixtures("undrawn")


def benchmark_of(count: int = 8, **fields) -> Benchmark:
    base = levels(count)
    smote = [None, *ahead(base, 0.03)[1:]]
    means = {"none": base, "weights": ahead(base, -0.02), "smote": smote, "twin": ahead(base, 0.001)}
    benchmark = make_benchmark(means, sources={"set1": "yeast", "set2": "yeast"}, **fields)
    return lose(lose(benchmark, "set3", "weights", [1]), "set4", "twin", range(4), "FAILED")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_report_is_read_back_and_written_anew(tmp_path: Path) -> None:
    benchmark = benchmark_of()
    write_benchmark(benchmark, tmp_path / "a", rope=0.01)
    record = read_record("made_up", tmp_path / "a")
    assert isinstance(record.results, Benchmark)
    write_benchmark(record.results, tmp_path / "b", rope=0.01)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert "/somewhere" not in (tmp_path / "a" / "record.json").read_text()
    assert record.results.sources == {"set1": "yeast", "set2": "yeast"}
    assert "curves.csv" not in files(tmp_path / "a")


def test_tables_name_the_data_set_first(tmp_path: Path) -> None:
    benchmark = benchmark_of()
    write_benchmark(benchmark, tmp_path, formats=["csv"])
    cells = rows(tmp_path / "results.csv")
    assert list(cells[0])[:3] == ["data_set", "experiment", "variant"]
    assert len(cells) == (8 * 4 - 1) * 4
    ordinary = rows(tmp_path / "comparisons.csv")
    assert [row["variant"] for row in ordinary if row["data_set"] == "set0"] == ["weights", "twin"]
    over = rows(tmp_path / "over_data_sets.csv")
    assert [(row["variant"], row["data_sets"], row["lost_on"]) for row in over] == [
        ("weights", "8", "1"),
        ("smote", "7", "0"),
        ("twin", "7", "1"),
    ]
    assert [row["verdict"] for row in over] == ["worse", "better", "no verdict"]


@pytest.mark.slow
def test_a_metric_that_one_data_set_lacks_is_read_back(tmp_path: Path) -> None:
    benchmark = benchmark_of()
    bare = benchmark.data_sets["set2"].cells.drop(columns="test/f1")
    write_benchmark(changed(benchmark, "set2", cells=bare), tmp_path / "a")
    read = read_record("made_up", tmp_path / "a").results
    assert isinstance(read, Benchmark)
    assert read.data_sets["set2"].metrics == []
    write_benchmark(read, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert "- `set2`: no run has `test/f1`" in (tmp_path / "a" / "report.md").read_text()


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write_benchmark(benchmark_of(), tmp_path, formats=["csv"])
    edit(tmp_path / "results.csv", "set1,made_up", "set9,made_up")
    with pytest.raises(ConfigError, match=r"results\.csv, row \d+: record\.json has no data set 'set9'"):
        read_record("made_up", tmp_path)


def test_names_with_special_characters_stand_as_they_are(tmp_path: Path) -> None:
    names = ["a|b", "c_d*e", "50 % <x>", "e&f", "g#h", "$i$ ~j"]
    base = levels(6)
    benchmark = make_benchmark(
        {"none": base, "k_l": [None, *ahead(base, 0.02)[1:]]}, names=names, inapplicable="a|b `c` <d>"
    )
    write_benchmark(benchmark, tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert r"| a\|b |" in page
    assert "<x>" not in re.sub("`[^`]*`", "", page)
    assert "<td>50 % &lt;x&gt;</td>" in (tmp_path / "report.html").read_text().replace(' class="short"', "")
    require_balanced((tmp_path / "report.tex").read_text())
    read = read_record("made_up", tmp_path).results
    assert isinstance(read, Benchmark)
    assert list(read.data_sets) == names


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_every_format_of_few_and_many_data_sets(count: int, tmp_path: Path) -> None:
    base = levels(count)
    benchmark = make_benchmark({"none": base, "smote": ahead(base, 0.02), "weights": base})
    write_benchmark(benchmark, tmp_path)
    require_balanced((tmp_path / "report.tex").read_text())
    page = (tmp_path / "report.md").read_text()
    assert ("better than `none` (median difference" in page) == (count == 12)
    assert "nan" not in page.lower().replace("nano", "")
    assert "None" not in page
    text = benchmark_text(benchmark)
    assert "average rank" in text
    assert text.startswith("made_up\n")
    said, _ = benchmark_page(analyse_benchmark(benchmark), with_pictures=False)
    assert said.startswith("**Does rebalancing help?**")


def test_the_page_says_what_it_is_about(tmp_path: Path) -> None:
    write_benchmark(benchmark_of(), tmp_path)
    page = (tmp_path / "report.md").read_text()
    headings = re.findall(r"^## (.*)", page, re.MULTILINE)
    assert headings == [
        "Result", "Over data sets", "Average ranks", "How steady the ranking is",
        "Differences by what the data sets are like", "What was left out", "Data sets",
        "What each variant did", "Recipe", "Seeds trained by launch", "Environment", "Repeat",
    ]  # fmt: skip
    assert "`smote` does not apply to `set0`: it needs numbers" in page
    assert "| set0 |" in page
    assert "does not apply" in next(line for line in page.splitlines() if line.startswith("| set0 |"))
    assert "(n=3/4)" in next(line for line in page.splitlines() if line.startswith("| set3 |"))
    assert "- `set4`: `twin` 4 failed." in page
    assert "- Rows are patients." in page
    assert "`set1` and `set2` are made from `yeast`" in page
    assert page.rstrip().endswith("seedbed run made_up\nseedbed report made_up\n```")


@pytest.mark.slow
def test_friedmans_and_nemenyis_tests_are_there_on_request(tmp_path: Path) -> None:
    base = levels(8)
    means = {"none": base, "smote": ahead(base, 0.03), "weights": ahead(base, -0.02)}
    write_benchmark(make_benchmark(means), tmp_path, formats=["md"])
    assert "Friedman" not in (tmp_path / "report.md").read_text()
    write_benchmark(make_benchmark(means, config={"report": {"nemenyi": True}}), tmp_path, formats=["md"])
    page = (tmp_path / "report.md").read_text()
    table = [[1 - base[place], 1 - ahead(base, 0.03)[place], 1 - ahead(base, -0.02)[place]] for place in range(8)]
    p = friedmanchisquare(*zip(*table, strict=True)).pvalue
    assert p < 0.001
    assert "by Friedman's test over the eight data sets" in page
    assert "has p < 0.001. A bar of the second diagram" in page
    assert (tmp_path / "ranks_nemenyi.png").is_file()
    write_benchmark(
        make_benchmark({name: of[:1] for name, of in means.items()}, config={"report": {"nemenyi": True}}),
        tmp_path,
        formats=["md"],
    )
    assert (
        "there is no test of average ranks: one data set: no test of its ranks" in (tmp_path / "report.md").read_text()
    )


@pytest.mark.slow
def test_claims_are_checked_over_data_sets(tmp_path: Path) -> None:
    claims = [
        {"text": "SMOTE does better", "check": {"worse_than": ["none", "smote"]}},
        {"text": "weights do better", "check": {"worse_than": ["none", "weights"]}},
        {"text": "f1 is high", "check": {"all_means_between": [0.4, 1.0]}},
        {"text": "the twin can win", "check": {"can_beat": ["smote", "none"]}},
    ]
    base = levels(10)
    means = {"none": base, "weights": ahead(base, -0.02), "smote": ahead(base, 0.03)}
    benchmark = make_benchmark(means)
    for name, of_one in benchmark.data_sets.items():
        benchmark = changed(benchmark, name, config=of_one.config | {"published": {"claims": claims}})
    write_benchmark(benchmark, tmp_path, formats=["md"])
    page = (tmp_path / "report.md").read_text()
    assert "SMOTE does better | **holds** |" in page
    assert "weights do better | **does not hold** |" in page
    assert "f1 is high | **can't be told** | The check all_means_between is about the values on one data set" in page
    assert "the twin can win | **no test can tell** | smote is ahead of none on 10 of 10 data sets" in page
    assert "Of the source's four claims, one holds, one does not, one can't be told" in page


def test_findings_are_filled_in_over_data_sets(tmp_path: Path) -> None:
    benchmark = benchmark_of()
    (tmp_path / "findings.yaml").write_text(
        f"cells: {digest_of(benchmark)}\n"
        "findings:\n"
        '  - text: "SMOTE is {verdict} on {won} data sets, at {rank}, {best} on the second."\n'
        "    command: seedbed run made_up\n"
        "    values:\n"
        "      verdict: {verdict: [smote, none]}\n"
        "      won: {wins: [smote, none], format: word}\n"
        "      rank: {rank: smote, format: .1f}\n"
        "      best: {mean: [smote, test/f1], data_set: set1, format: .2f}\n"
    )
    write_benchmark(benchmark, tmp_path, formats=["md"])
    assert "SMOTE is better on seven data sets, at 1.0, 0.56 on the second." in (tmp_path / "report.md").read_text()


def test_seeds_are_counted_by_data_set_and_launch(tmp_path: Path) -> None:
    benchmark = benchmark_of()
    cells = benchmark.data_sets["set1"].cells
    earlier = cells.assign(launch=["earlier" if variant == "none" else "first" for variant in cells["variant"]])
    benchmark = changed(benchmark, "set1", cells=earlier)
    write_benchmark(benchmark, tmp_path, formats=["md"])
    page = (tmp_path / "report.md").read_text().split("## Seeds trained by launch")[1]
    assert "This is the report of launch `first` (`seedbed run made_up`)." in page
    assert "- **set0**: `first` (2026-01-01 12:00:00): none 4, weights 4, twin 4\n" in page
    assert (
        "- **set1**: `first` (2026-01-01 12:00:00): weights 4, smote 4, twin 4\n- **set1**: `earlier`: none 4\n" in page
    )


@pytest.mark.slow
def test_the_command_writes_it_anew(tmp_path: Path) -> None:
    write_benchmark(benchmark_of(), tmp_path / "a")
    made = CliRunner().invoke(
        main, ["report", "made_up", "--from", str(tmp_path / "a"), "--output", str(tmp_path / "b")]
    )
    assert made.exit_code == 0, made.output
    assert files(tmp_path / "a") == files(tmp_path / "b")
