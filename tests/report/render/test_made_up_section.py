"""A section with a block of each kind, in every format."""

from __future__ import annotations

import re

import pytest
from matplotlib.figure import Figure as Drawing

from seedbed.report.blocks import (
    Block,
    Bold,
    Brief,
    Bullets,
    Emphasis,
    Figure,
    Heading,
    InlineCode,
    Listing,
    Math,
    Number,
    Paragraph,
    Plain,
    TableBlock,
    joined,
    pictures_of,
)
from seedbed.report.pictures.picture import Picture
from seedbed.report.render.html import html
from seedbed.report.render.latex import LONGEST_FLOAT, latex
from seedbed.report.render.markdown import markdown
from seedbed.report.render.terminal import printed
from tests.report.conftest import require_balanced

PICTURE = Picture("drawn", "What *it* shows", Drawing)
TABLE = TableBlock(
    [Plain("a_name|"), Brief("count of seeds", Math("n")), (Math("p"), " (Holm)")],
    [
        [Plain("one*"), Brief("n=3", "3"), Bold(Number("-0.5 [-0.6, -0.4]"))],
        [InlineCode("a|b_c"), "4 seeds", Number("< 0.001")],
    ],
    caption=("Made up, of ", Plain("a_name")),
    about="How to read `a_name`:",
    notes=[Plain("¹ A note.")],
    shown=[1],
    left_out="One row is left out.",
)
SECTION: list[Block] = [
    Heading(("Made up for ", InlineCode("a_b"))),
    Heading("A part", level=3),
    Paragraph(("A sentence on `x_y` and 50 % of ", Plain("a`b [c]"), ", see ", Emphasis("A part"), ".")),
    Bullets(["first", joined([InlineCode("k=1"), Bold("second")], ", ")]),
    TABLE,
    Figure(PICTURE),
    Listing("key:\n  under_score: [1]\n\nseedbed run x", "yaml"),
]


def test_markdown() -> None:
    assert markdown(SECTION).split("\n\n") == [
        "## Made up for `a_b`",
        "### A part",
        r"A sentence on `x_y` and 50 % of a\`b \[c\], see *A part*.",
        "- first\n- `k=1`, **second**",
        "How to read `a_name`:",
        "| a_name\\| | count of seeds | p (Holm) |\n| --- | --- | --- |\n| `a\\|b_c` | 4 seeds | < 0.001 |",
        "¹ A note.",
        "One row is left out.",
        r"![What \*it\* shows](drawn.png)",
        "```yaml\nkey:\n  under_score: [1]",
        "seedbed run x\n```",
    ]


def test_latex() -> None:
    document = latex(SECTION)
    require_balanced(document)
    for part in (
        r"\subsection*{Made up for \texttt{a\_b}}",
        r"\subsubsection*{A part}",
        r"A sentence on \texttt{x\_\allowbreak{}y} and 50 \% of a`b {[}c{]}, see \emph{A part}.",
        r"\item \texttt{k=1}, \textbf{\boldmath second}",
        r"\caption{Made up, of a\_name.}",
        "\\begin{minipage}{\\linewidth}\\footnotesize\\raggedright\nHow to read \\texttt{a\\_\\allowbreak{}name}:\n\n"
        "\\textsuperscript{1} A note.\n\\end{minipage}\n\\end{table}",
        r"a\_name\textbar{} & $n$ & $p$ (Holm) \\",
        r"one{*} & 3 & \textbf{\boldmath $-$0.5 {[}$-$0.6, $-$0.4{]}} \\",
        r"\texttt{a\textbar{}b\_c} & 4 seeds & \textless{} 0.001 \\",
        r"\includegraphics[width=\linewidth,height=0.8\textheight,keepaspectratio]{drawn.png}",
        "key:\\\\\n~~under\\_score: {[}1{]}\\\\\n\\\\\nseedbed run x\\par}",
    ):
        assert part in document, part
    assert "left out" not in document  # a document takes all rows


def test_a_long_table_goes_over_pages_and_a_long_text_over_lines() -> None:
    rows = [[str(place), "word " * 20] for place in range(LONGEST_FLOAT + 1)]
    document = latex([TableBlock(["place", "text"], rows, caption="Long", about="How to read it.", notes=["A note."])])
    require_balanced(document)
    assert r"\begin{longtable}{l>{\raggedright\arraybackslash}p{6cm}}" in document
    assert "\\caption{Long.} \\\\\n\\toprule" in document
    assert "\\end{longtable}\n\\noindent How to read it.\n\nA note.\\par\n}" in document


def test_the_terminal() -> None:
    assert printed(SECTION).splitlines() == [
        "Made up for a_b",
        "A part",
        "A sentence on x_y and 50 % of a`b [c], see A part.",
        "- first",
        "- k=1, second",
        "How to read a_name:",
        "a_name|  count of seeds  p (Holm)",
        "-" * 42,
        "one*     n=3             -0.5 [-0.6, -0.4]",
        "a|b_c    4 seeds         < 0.001",
        "¹ A note.",
        "key:",
        "  under_score: [1]",
        "",
        "seedbed run x",
    ]


def test_html_is_that_of_the_markdown() -> None:
    page = html(markdown(SECTION), {"drawn.svg": b"<svg/>"}, "made up")
    for part in ("Made up for <code>a_b</code></h2>", "<h3>A part</h3>", "<td", "data:image/svg+xml;base64,"):
        assert part in page


SET_APART = TableBlock(
    ["data", "a", "b"],
    [["one", "0.1", "0.2"], ["two", "0.3", "0.4"]],
    shown=[1],
    last=[["average rank", "1.0", "2.0"]],
)


def test_last_rows_are_set_apart_in_every_format() -> None:
    page = markdown([SET_APART])
    assert page.splitlines()[2:] == ["| two | 0.3 | 0.4 |", "|  |  |  |", "| average rank | 1.0 | 2.0 |"]
    body = html(page, {}, "made up")
    assert re.search(
        r"<td[^>]*>two</td>.*?</tbody>\n<tfoot style=[^>]*>\n<tr>\n<td[^>]*>average rank</td>", body, re.DOTALL
    )
    assert body.count("<tr>") == 3  # no empty row
    assert re.search(r"two & 0.3 & 0.4 .*\n\\midrule\naverage rank & 1.0 & 2.0 .*\n\\bottomrule", latex([SET_APART]))
    assert printed([SET_APART]).splitlines()[-2:] == ["-" * 22, "average rank  1.0  2.0"]


def test_last_rows_of_one_table_do_not_reach_into_the_next() -> None:
    body = html(markdown([SET_APART, TABLE, SET_APART]), {}, "made up")
    assert body.count("<tfoot") == body.count("</tfoot>") == 2
    assert body.count("<tbody") == body.count("</tbody>") == 3
    foots = re.findall(r"<tfoot.*?</tfoot>", body, re.DOTALL)
    assert [foot.count("<tr>") for foot in foots] == [1, 1]


def test_the_pictures_are_those_of_the_figures() -> None:
    assert pictures_of(SECTION) == [PICTURE]


@pytest.mark.parametrize("table", [TableBlock(["", ""], [["a", "b"]]), TableBlock(["x"], [])])
def test_a_table_without_a_header_or_rows_is_whole(table: TableBlock) -> None:
    require_balanced(latex([table]))
    assert "| --- |" in markdown([table]) or "| --- | --- |" in markdown([table])
