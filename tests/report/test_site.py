"""The reports of a project as pages."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seedbed.cli.main import main
from seedbed.errors import ConfigError
from seedbed.report.benchmark.writing import write_benchmark
from seedbed.report.site import write_site
from seedbed.report.writing import write_report
from tests.browser import CHROMIUM, shown
from tests.report.benchmark.made_up import make_benchmark
from tests.report.conftest import Factory, files


@pytest.fixture
def experiments(make_results: Factory, tmp_path: Path, undrawn: None) -> Path:
    """Reports of an experiment, of a launch of it under overrides, and of another one over several data sets."""
    folder = tmp_path / "project" / "experiments"
    formats = ["md", "html", "csv"]
    write_report(make_results(launch="first"), folder / "made_up", formats=formats)
    command = "seedbed run made_up variant=none,smote"
    launched = [{"id": "second", "started": "2026-02-03 12:00:00 UTC", "command": command}]
    tried = replace(make_results(), launch="second", launches=launched)
    write_report(tried, folder / "made_up" / "launches" / "second", formats=formats)
    several = replace(make_benchmark({"a": [0.5, 0.7], "b": [0.6, 0.9]}), experiment="several")
    write_benchmark(several, folder / "several", formats=formats)
    return folder


def index(folder: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (folder / "index.html").read_text().split("<body>")[1]))


def test_the_index_has_question_answer_sizes_and_links(experiments: Path, tmp_path: Path) -> None:
    site = write_site(experiments, tmp_path / "site", "Reports of project")
    pages = ["made_up/report.html", "made_up/launches/second/report.html", "several/report.html"]
    assert [path.relative_to(tmp_path / "site").as_posix() for path in site.files] == ["index.html", *pages]
    assert site.left_out == []
    for page in pages:
        assert (tmp_path / "site" / page).read_bytes() == (experiments / page).read_bytes()
    html, text = (tmp_path / "site" / "index.html").read_text(), index(tmp_path / "site")
    assert re.findall(r'href="([\w/.]+)"', html) == pages
    assert '<img src="data:image/svg' in html
    assert "3 reports of 2 experiments." in text
    of_one, of_launch, of_several = text.split(" Report ")[:3]
    assert re.search(r"can't be told apart|is (better|worse) than", of_one)
    assert re.search(r"\d variants, \d+ seeds; 2026-01-01\.", of_one)
    assert "launches/second seedbed run made_up variant=none,smote " in of_launch
    assert "2026-02-03" in of_launch
    assert re.search(r"2 variants, \d seeds, 2 data sets; 2026", of_several)


def test_a_site_is_written_anew_and_what_is_gone_goes(experiments: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_site(experiments, site, "all")
    (site / "several" / "notes.txt").write_text("mine")
    before = files(site)
    write_site(experiments, site, "all")
    assert files(site) == before
    shutil.rmtree(experiments / "several")
    shutil.rmtree(experiments / "made_up" / "launches")
    write_site(experiments, site, "all")
    left = {path.relative_to(site).as_posix() for path in site.rglob("*")}
    assert left == {"index.html", "site.json", "made_up", "made_up/report.html", "several", "several/notes.txt"}
    (site / "site.json").write_text('{"files": ["index.html", "../kept", "made_up/report.html"]}')
    (tmp_path / "kept").write_text("mine")
    write_site(experiments, site, "all")
    assert (tmp_path / "kept").exists()


def test_a_folder_that_holds_something_else_is_left_alone(experiments: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds something else than a site.*--output"):
        write_site(experiments, tmp_path, "all")
    site = tmp_path / "site"
    shutil.copytree(experiments / "made_up", site / "made_up")
    (site / "site.json").write_text('{"files": ["index.html"]}')
    before = files(site)
    with pytest.raises(ConfigError, match=r"made_up/.*report\.html is of no site that seedbed has written"):
        write_site(experiments, site, "all")
    assert files(site) == before
    (site / "site.json").write_text("[")
    with pytest.raises(ConfigError, match=r"site.json.*cannot be read"):
        write_site(experiments, site, "all")


@pytest.mark.usefixtures("experiments")
def test_the_command_says_what_it_wrote_and_what_it_left_out(tmp_path: Path) -> None:
    project = tmp_path / "project"

    def typed(*options: str) -> Result:
        return CliRunner().invoke(main, ["site", "--config-dir", str(project), *options])

    (project / "experiments" / "several" / "report.html").unlink()
    done = typed()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == str(project / "site" / "index.html")
    assert len(done.stdout.splitlines()) == 3
    assert (
        f"{project / 'experiments' / 'several'} is left out: it has no report.html. 'seedbed report' writes it"
        in done.stderr
    )
    refused = typed("--output", str(project))
    assert refused.exit_code == 2
    assert "holds something else" in refused.stderr
    shutil.rmtree(project / "experiments")
    assert "'seedbed report NAME' writes one" in typed().stderr


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_index_is_shown_from_the_folder_and_asks_no_host(experiments: Path, tmp_path: Path) -> None:
    write_site(experiments, tmp_path / "site", "all")
    page = shown((tmp_path / "site" / "index.html").as_uri(), tmp_path)
    assert page.dom.count("<h2") == 2
    assert (page.console, page.hosts) == ([], set())
