"""What Markdown says of sweeps, newcomers, what was learned and published numbers, LaTeX says too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seedbed.report.writing import write_report
from seedbed.results import Results
from tests.report.conftest import Factory, make_config, require_balanced
from tests.report.sections.test_sweep import sweep
from tests.trained.test_inspection import learned

pytestmark = pytest.mark.filterwarnings("error")

PUBLISHED = {
    "source": "a post",
    "numbers": [{"variant": "smote", "metric": "test/accuracy", "value": 0.99}],
    "curves": [{"variant": "none", "metric": "val/accuracy", "values": [0.91, 0.92]}],
    "learned": [{"of": "theirs", "lowest_bias": ["Film 2", "Gone (1999)"], "nearest_to": {"Film 0": "Film 7"}}],
}


def newcomers(make_results: Factory) -> Results:
    values = {
        name: {f"test/rmse_at_{count}": [shift - count / 100, shift] for count in (0, 5, 20)}
        for name, shift in (("plain", 1.0), ("biased", 0.9))
    }
    config = make_config(
        task={"known": [0, 5, 20], "side": "user"}, published=None, report={"metric": "test/rmse_at_5"}
    )
    return make_results(values, config)


def words_of(text: str) -> list[str]:
    """Words and numbers, without the markup of either format."""
    bare = re.sub(r"\\(?:begin|end)\{\w+\}|\\[a-zA-Z]+\*?|```\w*|!\[[^]]*\]\([^)]*\)|\\", "", text)
    return re.findall(r"[A-Za-z]+|\d+", bare.replace("$", "").replace("{}", ""))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Sweep", "do not compare their values as if only the keys differed"),
        ("By known ratings", "The same ratings are predicted for every number"),
        ("What the model learned", "two seeds share"),
        ("Published numbers", "The interval is the 95"),
        ("Every seed", "which does not take the values for normal"),
        ("Recipe", "GroupSplit"),
    ],
)
def test_latex_says_what_markdown_does(make_results: Factory, tmp_path: Path, title: str, said: str) -> None:
    config = make_config(published=PUBLISHED, split={"_target_": "GroupSplit", "train": 0.7, "test": 0.2})
    results = make_results(config=config)
    if title == "Sweep":
        results = sweep(make_results, [{"lr": "0.1"}, {"lr": "0.01"}])
        results.jobs[1].circumstances["a"] = {"data": "bbbb"}
    elif title == "By known ratings":
        results = newcomers(make_results)
    write_report(results, tmp_path, formats=["md", "tex"], learned=learned() if "learned" in title else None)
    page, document = ((tmp_path / f"report.{kind}").read_text() for kind in ("md", "tex"))
    require_balanced(document)
    section = page.split(f"## {title}\n")[1].split("\n## ")[0]
    of_document = " ".join(words_of(document))
    assert " ".join(words_of(said)) in " ".join(words_of(section))
    assert " ".join(words_of(said)) in of_document
    assert len(words_of(section)) > 20
    assert set(words_of(section)) <= set(of_document.split())
