"""Tables of runs as people have them, and what is wrong with some."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from seedbed.errors import ConfigError, DataError
from seedbed.importing.runs import ForeignRun, Keys
from seedbed.importing.tables import TableOptions, read_table
from tests.importing.conftest import Written, frame_of

WIDE = "variant,seed,test/rmse\na,0,0.5\na,1,0.25\nb,0,1e-3\nb,1,4\n"


def values(runs: list[ForeignRun]) -> dict[tuple[str, int], dict[str, float]]:
    return {(run.variant, run.seed): run.values for run in runs}


def test_a_table_with_a_column_a_metric(written: Written) -> None:
    read = read_table(written(WIDE))
    assert values(list(read.runs)) == {
        ("a", 0): {"test/rmse": 0.5}, ("a", 1): {"test/rmse": 0.25}, ("b", 0): {"test/rmse": 1e-3}, ("b", 1): {"test/rmse": 4.0},
    }  # fmt: skip
    assert read.source == "results.csv"
    assert len(read.digest) == 64
    assert read.notes == []


def test_a_table_with_a_row_a_value(written: Written) -> None:
    text = "variant,seed,metric,value\na,0,acc,0.5\na,0,loss,2\na,1,acc,0.6\n"
    runs = read_table(written(text)).runs
    assert values(list(runs)) == {("a", 0): {"acc": 0.5, "loss": 2.0}, ("a", 1): {"acc": 0.6}}
    with pytest.raises(DataError, match="'acc' of a, 0 appears twice, in line 2 and line 5"):
        read_table(written(f"{text}a,0,acc,0.7\n"))


def test_other_forms_of_a_file(written: Written) -> None:
    text = WIDE.replace(",", ";").replace("0.5", "0,5").replace("0.25", "0,25").replace("variant;seed", "Model;Run no")
    read = read_table(written(text), keys=Keys("model", "Run no"), options=TableOptions.of(["data.decimal=comma"]))
    assert values(list(read.runs))["a", 1] == {"test/rmse": 0.25}
    with pytest.raises(
        DataError, match=r"column 'test/rmse': '0,5' in line 2, '0,25' in line 3 are not numbers.*data.decimal=comma"
    ):
        read_table(written(text), keys=Keys("model", "Run no"))
    with pytest.raises(ConfigError, match=r"data.lable=x.*does not say how a table is read"):
        TableOptions.of(["data.lable=x"])


def test_a_data_frame_says_the_same_as_its_file(written: Written) -> None:
    frame = pd.read_csv(written(WIDE))
    from_file = read_table(written(WIDE)).runs
    for table in (frame, frame.set_index(["variant", "seed"]), frame.astype({"seed": float})):
        assert values(list(read_table(table).runs)) == values(list(from_file))
    assert read_table(frame).source == "a data frame"


def test_columns_that_are_no_metrics_are_left_out_and_said(written: Written) -> None:
    text = "x,variant,seed,acc,host,status,empty\n" + "".join(f"{n},a,{n},0.{n},gpu{n},1,\n" for n in range(1, 4))
    read = read_table(written(text.replace("x,", ",", 1)))
    assert list(read.runs[0].values) == ["acc"]
    assert [note.split(" (")[0] for note in read.notes] == ["Left out: host", "Left out: status", "Left out: empty"]
    with pytest.raises(DataError, match="column 'host': 'gpu1' in line 2"):
        read_table(written(text), metric="host")


def test_what_is_missing_and_what_is_infinite(written: Written) -> None:
    read = read_table(written("variant,seed,loss\na,0,\na,1,inf\na,2,nan\na,3,-1\n"))
    found = [run.values["loss"] for run in read.runs]
    assert math.isnan(found[0])
    assert found[1] == math.inf
    assert math.isnan(found[2])
    of_frame = read_table(frame_of({"a": [np.nan, np.inf, 1.0]})).runs
    assert [run.values["test/rmse"] for run in of_frame][1:] == [math.inf, 1.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model,seed,acc\na,0,1\n", "no column called 'variant': its columns are 'model', 'seed', 'acc'.*--variant-key"),
        ("variant,run,acc\na,0,1\n", "no column called 'seed'.*--seed-key"),
        ("variant,seed,acc\na,0,1\nb,0,1\na,0,2\n", "variant 'a' has seed 0 twice, in line 2 and line 4"),
        ("variant,seed,acc\na,0,1\na,1.5,1\n", "line 3: the seed is '1.5', which is not a whole number"),
        ("variant,seed,acc\na,0,1\na,,1\n", "line 3: the seed is no value"),
        ("variant,seed,acc\n,0,1\n", "line 2: the variant has no name"),
        ("variant,seed,acc\na,0,1\na,1,2\na,2,oops\n", "column 'acc': 'oops' in line 4 is not a number"),
        ("variant,seed,acc,acc\na,0,1,2\n", "two columns called 'acc'"),
        ("variant,seed,host\na,0,x\n", "no column of numbers beside variant and seed"),
    ],
)  # fmt: skip
def test_what_is_refused(written: Written, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_table(written(text))


def test_records_of_several_lines_are_counted_as_records(written: Written) -> None:
    with pytest.raises(DataError, match="variant 'a b' has seed 0 twice, in record 1 and record 2"):
        read_table(written('variant,seed,acc\n"a\nb",0,1\n"a\nb",0,2\n'))


# ---- curves ----------------------------------------------------------------------------------------------------------


def test_curves_beside_a_table(written: Written) -> None:
    written("variant,seed,epoch,val/loss,train/loss\na,0,1,2,3\na,0,2,1,\nb,1,1,5,5\n", "curves.csv")
    read = read_table(written(WIDE))
    points = {(run.variant, run.seed): run.points for run in read.runs if run.points}
    assert points == {
        ("a", 0): [("val/loss", 1, 2.0), ("train/loss", 1, 3.0), ("val/loss", 2, 1.0)],
        ("b", 1): [("val/loss", 1, 5.0), ("train/loss", 1, 5.0)],
    }
    assert read.steps == "epoch"


def test_curves_with_a_row_a_value_by_step(written: Written) -> None:
    curves = pd.DataFrame({"variant": "a", "seed": 0, "step": [0, 100], "metric": "loss", "value": [2.0, np.inf]})
    read = read_table(written(WIDE), curves)
    assert read.runs[0].points == [("loss", 0, 2.0)]
    assert read.steps == "step"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("variant,seed,epoch,loss\nc,0,0,1\n", "line 2: results.csv has no run of variant 'c' with seed 0.*--curves"),
        ("variant,seed,epoch,loss\na,0,0,1\na,0,0,2\n", "variant 'a', seed 0 has epoch 0 twice, in line 2 and line 3"),
        ("variant,seed,epoch,loss\na,0,0.5,1\n", "line 2: the epoch is '0.5', and not a whole number"),
        ("variant,seed,loss\na,0,1\n", "no column called 'epoch'.*epoch or step"),
    ],
)
def test_what_is_refused_of_curves(written: Written, text: str, said: str) -> None:
    written(text, "curves.csv")
    with pytest.raises(DataError, match=f"{said}.*was found beside results.csv; --curves"):
        read_table(written(WIDE))
    assert not read_table(written(WIDE, "runs.csv")).runs[0].points
