"""What is said of a file before anything is trained on it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import strategies
from PIL import Image

from seedbed.cli.data_check import check_file
from seedbed.cli.main import main
from seedbed.data.column_kinds import column
from seedbed.errors import ConfigError, DataError
from tests.properties import Examine


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def lines(*arguments: str, of: Path) -> list[str]:
    return list(check_file(of, arguments))


def reviews(rows: int = 40, *more: str) -> str:
    labels = ("good", "bad")
    return "\n".join(
        ["stars,body", *(f"{labels[row % 2]},the meal was number {row} of them" for row in range(rows)), *more, ""]
    )


def test_without_settings_the_columns_and_what_they_could_be(written):
    path = written(reviews())
    said = lines(of=path)
    assert said[0] == "file.csv: 40 records of 2 columns"
    assert "encoding utf-8, delimiter comma" in said[1]
    table = "\n".join(said)
    assert "'stars'  text       0                2         'good' (20), 'bad' (20)" in table
    assert f"It could be labelled texts: seedbed data check {path} text=body label=stars" in table


def test_what_is_proposed_can_be_typed_and_what_comes_of_it_trained(written):
    path = written(reviews(), "my reviews (1).csv")
    proposal = next(line for line in lines(of=path) if line.startswith("It could be"))
    typed = shlex.split(proposal.split(": ", 1)[1])[1:]
    result = CliRunner().invoke(main, typed)
    assert result.exit_code == 0
    assert "As labelled texts (data=text_csv): 40 rows: 20 'bad', 20 'good'." in result.output
    assert (
        f"Train on it: seedbed run text_imbalance 'data.path={path}' data.text=body data.label=stars" in result.output
    )


def test_what_is_left_out_and_what_looks_alike_is_said(written):
    twins = "good,the same text\nbad,the same\u200b text\nGood,another text of it\nbad,"
    said = "\n".join(lines("text=body", "data.label=stars", of=written(reviews(40, twins))))
    assert "1 row left out: no text" in said
    assert "'body' holds invisible characters: U+200B." in said
    assert "2 rows with a text that looks like" in said or "1 row with a text that looks like" in said
    assert "Classes that look alike: 'good' (21 rows), 'Good' (1 row)" in said
    assert "1 class of fewer than 3 distinct rows" in said
    assert "drop_classes=[Good]" in said


def test_records_that_do_not_fit_are_listed_before_they_are_refused(written):
    path = written(reviews(40, "good,one,two", "bad"))
    said: list[str] = []
    with pytest.raises(DataError, match="line 42: 3 fields"):
        said.extend(check_file(path, ()))
    result = CliRunner().invoke(main, ["data", "check", str(path)])
    assert result.exit_code == 2
    assert "2 rows that cannot be read, and why:\n  line 42: 3 fields" in result.output
    assert "As it stands, training refuses the file" in result.output
    assert "  line 42: 3 fields" in "\n".join(lines("bad_lines=drop", of=path))


def test_ratings_with_a_decimal_comma_and_times(written):
    rows = [f"u{user};i{item};{(user + item) % 5},5;{1_500_000_000 + user}" for user in range(9) for item in range(9)]
    path = written("\n".join(["who;what;stars;when", *rows]))
    said = lines(of=path)
    assert said[-1].endswith("user=who item=what rating=stars decimal=comma timestamp=when")
    with pytest.raises(DataError, match=r"data\.decimal=comma"):
        lines("user=who", "item=what", "rating=stars", of=path)
    said = lines("user=who", "item=what", "rating=stars", "decimal=comma", of=path)
    assert "As ratings (data=ratings_csv): 81 rows of 9 users and 9 items, ratings from 0.5 to 4.5." in said


def test_numbers_and_a_header_that_is_a_record(written):
    rows = [f"{row / 7:.3f},{row * 1.5},{row % 2}" for row in range(40)]
    assert any("header=false" in line for line in lines(of=written("\n".join(rows))))
    said = lines("label=y", of=written("\n".join(["a,b,y", *rows])))
    assert "As rows of numbers (data=feature_csv): 40 rows: 20 '0', 20 '1'." in said


def test_a_file_that_says_what_is_to_be_predicted(written):
    rows = [f"{row % 7},{row % 5},{row % 9},{'np'[row % 2]}" for row in range(40)]
    header = "".join(f"@attribute {name} integer\n" for name in "abc") + "@attribute z {n, p}\n@data\n"
    path = written("\n".join([f"@relation r\n{header}", *rows]), "r.dat")
    assert lines(of=path)[-1] == f"It could be rows of numbers: seedbed data check {path} label=z", "and no ratings"
    said = lines("data=feature_csv", of=path)
    assert "data.label is not set: it is 'z', the last attribute." in said
    assert "As rows of numbers (data=feature_csv): 40 rows: 20 'n', 20 'p'." in said
    assert "Precision, recall and F1 are those of 'n' (data.positive chooses)." in said
    assert "Precision, recall and F1 are those of 'p' (data.positive)." in lines(
        "data=feature_csv", "positive=P", of=path
    )


def test_what_columns_of_categories_are_taken_for(written):
    rows = [
        f"{['Rome', 'Oslo', 'Bonn'][row % 3]},{row % 7},{['yes', 'no'][row % 2]},a remark {row},{row % 2}"
        for row in range(40)
    ]
    path = written("\n".join(["city,code,smoker,remark,y", *rows]))
    said = "\n".join(lines("label=y", "exclude=[remark]", "columns.code=category", of=path))
    assert "Columns taken as categories: city (3 values), code (7 values); as booleans: smoker (no/yes)." in said
    assert (
        f"seedbed run feature_imbalance data.path={path} data.label=y 'data.exclude=[remark]' data.columns.code=category"
        in said
    )
    path.write_text(
        "\n".join(["city,weight,y", *(f"{['Rome', 'Oslo'][row % 2]},{row / 7:.2f},{row % 2}" for row in range(40))])
    )
    assert lines(of=path)[-1].startswith("It could be rows of numbers and categories: ")


def test_a_few_values_of_another_kind_are_named(written):
    rows = [f"{row % 9},{row / 3}" for row in range(60)]
    said = "\n".join(lines(of=written("\n".join(["a,b", *rows, "4 stars,1.5"]))))
    assert "'a': 1 value of another kind than whole numbers: '4 stars'." in said


def test_a_folder_of_pictures(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.new("RGB", (8, 8), (number, 9, len(label))).save(tmp_path / label / f"{number}.png")
    assert any(
        line.startswith("As pictures (data=image_folder): 6 rows: 3 'cat', 3 'dog'") for line in lines(of=tmp_path)
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tetx=body"], "did you mean 'text'"),
        (["body"], "write KEY=VALUE"),
        (["data=text", "text=body"], "data=text"),
        (["text=body", "user=who"], "Leave some of them out"),
        (["text=bodi", "label=stars"], "did you mean 'body'"),
    ],
)
def test_bad_settings_are_named(written, arguments, said):
    with pytest.raises((ConfigError, DataError), match=said):
        lines(*arguments, of=written(reviews()))


@pytest.mark.slow
def test_any_column_can_be_looked_at(examine: Examine):
    def holds(values: list[str]) -> None:
        found = column("c", values)
        assert 0 <= found.values <= found.rows == len(values)
        assert found.counts.total() == found.values
        assert set(found.others) <= set(found.counts)
        found.examples()

    examine(
        holds, values=strategies.lists(strategies.text(max_size=8) | strategies.sampled_from(["1", "2,5", "NA", "1e5"]))
    )


def test_any_json_lines_can_be_looked_at(examine: Examine, tmp_path: Path):
    plain = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text()

    def holds(rows: list[dict[str, object]]) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        try:
            said = lines(of=path)[0]
        except DataError as error:
            said = str(error)
        assert said.startswith(f"rows.jsonl: {len(rows)} record") or str(path) in said

    keys = strategies.fixed_dictionaries({"a": plain, "b": plain})
    examine(holds, rows=strategies.lists(keys, min_size=1, max_size=9))


def test_a_name_of_any_characters(written):
    file = written(reviews().replace("body", "${body}").replace("good", "${x}"))
    assert any("40 rows" in line for line in lines("text=${body}", "label=stars", "positive=${x}", of=file))


def test_classes_of_few_distinct_rows_are_said(written):
    said = "\n".join(lines("text=body", "label=stars", of=written(reviews(40, *["odd,the same"] * 5))))
    assert "1 class of fewer than 3 distinct rows ('odd')" in said
    assert "data.drop_classes=[odd]" in said


@pytest.mark.parametrize(
    ("content", "name", "settings"),
    [
        ("{}", "a.json", []),
        ("[{}, {}]", "a.json", []),
        ("user,item\na,b\n", "a.csv", ["data=ratings_csv", "text=user"]),
    ],
)
def test_what_cannot_be_checked_is_refused(written, content, name, settings):
    with pytest.raises((ConfigError, DataError)):
        lines(*settings, of=written(content, name))


def test_settings_that_pictures_do_not_have(tmp_path):
    with pytest.raises(ConfigError, match=r"text, label: .* is a folder"):
        lines("text=a", "label=b", of=tmp_path)


def test_two_columns_of_numbers_are_no_users(written):
    content = "a,b,y\n" + "".join(f"{row / 10},{row % 7},{'xy'[row % 2]}\n" for row in range(40))
    said = "\n".join(lines(of=written(content)))
    assert "It could be rows of numbers" in said
    assert "ratings" not in said


def test_targets_are_described_and_trained_on_by_a_regression(written):
    path = written("a,b,price\n1,2,3.5\n2,3,7\n3,4,\n")
    said = "\n".join(lines("target=price", of=path))
    assert "As rows of numbers with targets (data=feature_csv): 2 rows." in said
    assert "Targets 'price': from 3.5 to 7, mean 5.25, standard deviation 1.75." in said
    assert f"Train on it: seedbed run feature_regression data.path={path} data.target=price" in said
