"""The comparisons of a report over several data sets as data frames."""

from __future__ import annotations

import pandas as pd

from seedbed.report.analysis import COMPARISON_COLUMNS, comparison_table
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.words import said
from seedbed.report.files import DATA_SET

OVER_COLUMNS = [
    "variant", "other", "data_sets", "lost_on", "difference", "low", "high", "confidence", "wins", "ties", "losses", "p",
    "p_with_lost", "p_holm", "p_worse", "p_equivalent", "p_better", "verdict", "note",
]  # fmt: skip


def comparisons_table(analysis: BenchmarkAnalysis) -> pd.DataFrame:
    """The ordinary comparisons on each data set, adjusted within it, one row a comparison and data set."""
    tables = []
    for name, of_one in analysis.of_each.items():
        if not analysis.on_each[name]:
            continue
        table = comparison_table(of_one)
        table.insert(0, DATA_SET, name)
        tables.append(table)
    empty = pd.DataFrame(columns=[DATA_SET, *COMPARISON_COLUMNS])
    return pd.concat([table.astype(object) for table in tables], ignore_index=True) if tables else empty


def over_data_sets_table(analysis: BenchmarkAnalysis) -> pd.DataFrame:
    """The tests over data sets, one row a pair.

    ``data_sets`` are those on which both have a value, ``lost_on`` how many of them lack some as runs diverged or failed;
    ``difference`` is the Hodges-Lehmann estimate, ``low`` and ``high`` its interval, which holds ``confidence`` exactly.
    """
    exploratory = analysis.exploratory.replace("`", "")
    rows = []
    for row in analysis.family:
        test, with_lost, chances = row.test, row.pair.with_lost, analysis.chances(row)
        remarks = [exploratory, said(row) if row.p is None or row.pair.lost_on else ""]
        rows.append(
            {
                "variant": row.variant,
                "other": row.other,
                "data_sets": test.n,
                "lost_on": len(row.pair.lost_on),
                "difference": test.estimate,
                "low": None if test.interval is None else test.interval.low,
                "high": None if test.interval is None else test.interval.high,
                "confidence": test.confidence,
                "wins": test.wins,
                "ties": test.ties,
                "losses": test.losses,
                "p": test.p,
                "p_with_lost": None if with_lost is None else with_lost.p,
                "p_holm": row.p,
                "p_worse": None if chances is None else chances.worse,
                "p_equivalent": None if chances is None else chances.equal,
                "p_better": None if chances is None else chances.better,
                "verdict": row.verdict,
                "note": " ".join(remark for remark in remarks if remark),
            }
        )
    return pd.DataFrame(rows, columns=OVER_COLUMNS)
