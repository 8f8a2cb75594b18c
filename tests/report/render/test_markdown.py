"""Blocks in Markdown: escapes, tables, code."""

from __future__ import annotations

import pytest

from seedbed.report.render.markdown import escaped, prose

pytestmark = pytest.mark.filterwarnings("error")


def test_prose_escapes_all_but_code():
    assert prose("`a_b*` is *better* than <b>") == r"`a_b*` is \*better\* than &lt;b>"


def test_markdown_keeps_cells_in_one_line_and_names_searchable():
    assert escaped("text_augment") == "text_augment"
    assert escaped("a|b\nc*") == r"a\|b c\*"
    assert escaped("_x_") == r"\_x\_"
