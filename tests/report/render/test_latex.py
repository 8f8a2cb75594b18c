"""Blocks in LaTeX: escapes, tables, listings."""

from __future__ import annotations

import pytest

from seedbed.report.render.latex import escaped

pytestmark = pytest.mark.filterwarnings("error")


def test_latex_escapes_names_and_keeps_its_own_markup():
    assert escaped("bias_&_dot 93%") == r"bias\_\&\_dot 93\%"
    assert escaped("0.1 ± 0.2") == r"0.1 $\pm$ 0.2"
    assert escaped("→") == "{[}U+2192{]}"


def test_latex_keeps_signs_apart_that_its_fonts_would_join():
    assert escaped("a--b ``x``") == "a-{}-b `{}`x`{}`"
