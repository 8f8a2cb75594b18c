"""Data that are not the published ones are said so in the first lines of every format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seedbed.data.published.sms_spam import SUBSET
from seedbed.data.sms_spam import _own_copy
from seedbed.report.departures import departures, foreign_data
from seedbed.report.printed import table_text
from seedbed.report.writing import write_report
from seedbed.results import Results


@pytest.fixture(params=["subset", "own copy"])
def note(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What a data set says that is read from other than the published file."""
    if request.param == "subset":
        return SUBSET.notes[0]
    path = tmp_path / "mine.csv"
    path.write_text("v1,v2\n" + "".join(f"{'spam' if row % 3 else 'ham'},text {row}\n" for row in range(30)))
    (said,) = _own_copy(path)[0].notes
    return said


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_it_stands_in_the_first_lines_of_every_format(note: str, results: Results, tmp_path: Path) -> None:
    own = replace(results, data=results.data | {"notes": ["Read as UTF-8.", note]})
    write_report(own, tmp_path, formats=("md", "tex"))
    for name in ("report.md", "report.tex"):
        page = (tmp_path / name).read_text()
        at = page.index(note[:12])
        assert at < page.index("an't be told apart" if "an't be told apart" in page else "Result")
    assert note.replace("`", "") in table_text(own)
    assert "not those of the source" in departures(own)


def test_published_data_and_files_of_ones_own_are_not_foreign(results: Results) -> None:
    assert foreign_data(results) == ""
    assert foreign_data(replace(results, data={"notes": ["Read as UTF-8, commas between fields."]})) == ""
    assert "not those of the source" not in departures(results)
