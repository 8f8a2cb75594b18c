"""Blocks in LaTeX: escapes, tables, listings."""

from __future__ import annotations

import pytest

from seedbed.report.blocks import Heading, TableBlock
from seedbed.report.render.latex import LONGEST_FLOAT, escaped, tabular
from seedbed.report.render.latex_tables import table_files

pytestmark = pytest.mark.filterwarnings("error")


def test_latex_escapes_names_and_keeps_its_own_markup():
    assert escaped("bias_&_dot 93%") == r"bias\_\&\_dot 93\%"
    assert escaped("0.1 ± 0.2") == r"0.1 $\pm$ 0.2"
    assert escaped("→") == "{[}U+2192{]}"


def test_latex_keeps_signs_apart_that_its_fonts_would_join():
    assert escaped("a--b ``x``") == "a-{}-b `{}`x`{}`"


def test_a_long_table_repeats_its_head_and_says_that_it_goes_on():
    rows = [[str(place), "x"] for place in range(LONGEST_FLOAT)]
    assert "longtable" not in tabular(TableBlock(["place", "text"], rows, caption="Long"))
    text = tabular(TableBlock(["place", "text"], rows, caption="Long", last=[["mean", "y"]]))
    head = "\\toprule\nplace & text \\\\\n\\midrule\n"
    assert f"\\caption{{Long.}} \\\\\n{head}\\endfirsthead\n" in text
    assert f"\\multicolumn{{2}}{{l}}{{Table~\\thetable, continued}} \\\\\n{head}\\endhead\n" in text
    assert (
        "\\midrule\n\\multicolumn{2}{r}{continued on the next page} \\\\\n\\endfoot\n\\bottomrule\n\\endlastfoot\n"
        in text
    )
    assert text.count("Long.") == 1
    assert text.index("\n29 & x") < text.index("\\midrule\nmean & y") < text.index("\\end{longtable}")


def test_tables_have_names_of_their_own_or_of_their_sections_and_no_two_the_same():
    table = TableBlock(["a"], [["1"]])
    named = TableBlock(["a"], [["2"]], name="by_data")
    blocks = [table, Heading("Ranks, by `x_y`"), table, table, named, named, Heading("RANKS by x_y"), table]
    names = ["table", "ranks_by_x_y", "ranks_by_x_y_2", "by_data", "by_data_2", "ranks_by_x_y_3"]
    assert list(table_files(blocks, "e", [])) == [f"tables/{name}.tex" for name in names]


def test_a_command_of_several_lines_stays_a_comment():
    [text] = table_files([TableBlock(["a"], [["1"]])], "e", ["  seedbed run 'x\n\\bad'"]).values()
    assert "%   seedbed run 'x\n% \\bad'\n" in text
