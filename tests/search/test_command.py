"""``seedbed search`` and ``seedbed report --search`` as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seedbed.cli.main import main
from tests.running.test_runner import store_of
from tests.search.conftest import BASE
from tests.stored import file_names, runs


def typed(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config-dir", str(project)])


@pytest.mark.extended
def test_a_search_its_report_and_the_same_command_again(project: Path) -> None:
    options = [*BASE, "search.trials=2", "search.fresh_seeds=2", "search/pruner=median", "tracking.pictures=true"]
    done = typed(project, "search", "messages", *options)
    assert done.exit_code == 0, done.output
    assert "On fresh seeds" in done.output
    assert "tuned" in done.output
    assert "Report: seedbed report messages --search" in done.output
    assert "changed the experiment's recipe" not in done.output  # how it was searched is no part of it
    written = typed(project, "report", "messages", "--search", "--format", "md")
    assert written.exit_code == 0, written.output
    page = (project / "experiments" / "messages" / "search" / "report.md").read_text()
    assert "## Search" in page
    assert (project / "experiments" / "messages" / "search" / "search_history.png").is_file()
    store = store_of(project, "messages.search")
    assert "report/search_history.png" in file_names(store, runs(store, "search")[0].info.run_id, "report")
    status = typed(project, "status", "messages").output
    assert "Latest launch" in status
    assert "only searched" in typed(project, "report", "messages").output
    assert "messages/none: trials trained: 2 done; 2 wanted" in status
    again = typed(project, "search", "messages", *options)
    assert again.exit_code == 0, again.output
    assert len(runs(store_of(project, "messages"), "launch")) == 1
    assert len(runs(store_of(project, "messages.search"), "search")) == 1


@pytest.mark.slow
def test_what_is_missing_is_said(project: Path) -> None:
    nothing = typed(project, "search")
    assert nothing.exit_code == 2
    assert "Name the experiment" in nothing.output
    assert typed(project, "search", "messages", *BASE, "optimizer.lrr=1,2").exit_code == 2
    unsearched = typed(project, "report", "messages", "--search")
    assert unsearched.exit_code == 2


@pytest.mark.slow
def test_all_trials_failed_is_exit_code_1_with_the_reasons(project: Path) -> None:
    failed = typed(project, "search", "messages", *BASE[:4], "optimizer.lr=1e30,1e35", "model.hidden=[4]")
    assert failed.exit_code == 1
    assert "2 of 2 seeds diverged" in failed.output
