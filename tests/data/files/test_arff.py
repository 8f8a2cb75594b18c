"""Files of Weka and KEEL."""

import pytest

from seedbed.data.files.records import Reading, open_records

WEKA = """% a comment
@RELATION 'my relation'

@ATTRIBUTE 'sepal length' NUMERIC
@attribute text string
@attribute class {a, 'b c'}
@DATA
% another
5.1, 'it\\'s, "ok"', a
?, "x", 'b c'
"""
KEEL = """@relation glass
@attribute RI real [1.5, 1.6]
@attribute Class {positive, negative}
@inputs RI
@outputs Class
@data
1.51, positive
<null>, negative
"""


def test_weka(read):
    found = read(WEKA, "file.arff")
    assert found["sepal length"] == ["5.1", ""]
    assert found["text"] == ['it\'s, "ok"', "x"]
    assert found["class"] == ["a", "b c"]
    assert "ARFF" in found["records"].how


def test_keel_in_a_file_of_any_name(read, tmp_path):
    found = read(KEEL, "glass.csv")
    assert (found["RI"], found["Class"]) == (["1.51", ""], ["positive", "negative"])
    numbers = open_records(tmp_path / "glass.csv", Reading()).numbers([0])
    assert numbers[0].tolist()[0] == 1.51
    assert numbers[0].isna().tolist() == [False, True]


def test_records_of_another_length_name_their_line(read, refusal):
    content = f"{WEKA}1,2\n3,?,a\n"
    assert "line 11: it has 2 values, but 3 attributes" in refusal(content)
    found = read(content, bad_lines="drop")
    assert found["sepal length"] == ["5.1", "", "3"]
    assert found["records"].first_dropped == "line 11"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (f"{WEKA}{{0 1, 2 a}}\n", "line 11 is a sparse record"),
        (WEKA.replace("text string", "bag relational"), "line 5: an @attribute of type relational"),
        (WEKA[: WEKA.index("@DATA")], "no line @data"),
        (WEKA[: WEKA.index("5.1")], "no record below @data"),
        ("@relation x\n@data\n1\n", "no @attribute"),
    ],
)
def test_what_is_not_read(refusal, content, part):
    assert part in refusal(content)
