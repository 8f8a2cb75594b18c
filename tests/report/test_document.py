"""The page of a report holds every section, each by one line."""

from __future__ import annotations

import pkgutil

import pytest

from seedbed.report import sections
from seedbed.report.analysis import analyse
from seedbed.report.blocks import Heading, pictures_of
from seedbed.report.document import SECTIONS, blocks_of, launch_pictures
from seedbed.report.evidence import evidence_of
from seedbed.results import Results

PART_OF_EMBEDDINGS = {"queries"}


def test_every_file_of_sections_stands_in_the_page() -> None:
    files = {module.name for module in pkgutil.iter_modules(sections.__path__)} - PART_OF_EMBEDDINGS
    registered = [section.__module__.rpartition(".")[2] for section in SECTIONS]
    registered[registered.index("document")] = "embeddings"  # imported where there is something to show
    assert len(set(registered)) == len(registered)
    assert set(registered) == files


def test_a_section_that_does_not_apply_leaves_nothing(results: Results) -> None:
    titles = [block.words for block in blocks_of(evidence_of(analyse(results))) if isinstance(block, Heading)]
    assert not {"Search", "Sweep", "By known ratings", "What the model learned", "Published numbers", "Findings"} & {
        str(title) for title in titles
    }
    assert titles[-1] == "Repeat"


@pytest.mark.slow
def test_the_pictures_of_a_launch_are_among_those_of_its_page(results: Results) -> None:
    evidence = evidence_of(analyse(results))
    of_launch = [picture.name for picture in launch_pictures(evidence)]
    assert of_launch == ["accuracy", "seeds", "differences", "ranks"]
    assert of_launch == [picture.name for picture in pictures_of(blocks_of(evidence))]
