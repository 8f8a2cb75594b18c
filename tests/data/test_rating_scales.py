"""What looks odd about a column of ratings or of timestamps."""

import numpy as np
import pytest

from seedbed.data.rating_scales import name_notes, scale_notes, time_notes

DRAW = np.random.default_rng(0)
STARS = DRAW.integers(1, 6, 1000)


@pytest.mark.parametrize(
    "ratings",
    [
        STARS,
        DRAW.integers(1, 11, 1000) / 2,
        DRAW.uniform(-10, 10, 1000),
        DRAW.choice([-1, 1], 1000),
        DRAW.choice([-1, 0, 1], 1000),
        DRAW.choice([0, 1], 1000),
        DRAW.integers(0, 6, 1000),
        DRAW.integers(1, 101, 1000),
        DRAW.integers(0, 10, 1000),
        DRAW.geometric(0.05, 1000),
        DRAW.choice([1, 2], 1000),
    ],
    ids=[
        "stars",
        "half-stars",
        "jester",
        "like-dislike",
        "with-neutral",
        "clicks",
        "from-zero",
        "marks",
        "to-nine",
        "counts",
        "two",
    ],
)
def test_usual_scales_pass_without_a_word(ratings):
    assert scale_notes(ratings.astype(float)) == []


@pytest.mark.parametrize(
    ("ratings", "said"),
    [
        ([*STARS, -1], "Among ratings from 1 to 5, -1 (1 row) may stand for no rating"),
        ([*STARS, 99, 99], "99 (2 rows) may stand for no rating"),
        ([*DRAW.uniform(-10, 10, 50), 99], "data.missing_values=[99]"),
        ([*STARS, 999, 99, -9], "data.missing_values=[-9,99,999]"),
        ([*STARS, *[0] * 2000], "0 (2000 rows) may stand for no rating"),
        ([*STARS, *DRAW.integers(1, 101, 500), 100], "may be of two scales"),
        ([3.5] * 9, "All 9 rows have the rating 3.5"),
    ],
)
def test_what_needs_a_look_is_said(ratings, said):
    assert said in scale_notes(np.array(ratings, dtype=float))[0]


@pytest.mark.parametrize(("factor", "unit"), [(1, None), (1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanos")])
def test_units_of_timestamps(factor, unit):
    notes = time_notes(np.array([1.5e9, 1.7e9]) * factor)
    assert (unit is None and notes == []) or unit in notes[0]


def test_names_that_have_lost_digits_or_stand_for_none():
    lost, absent = name_notes("user", ["7.65612E+16", "7.65612E+16", "nan", "u1"])
    assert "2 rows name their user by a number in scientific notation, such as '7.65612E+16'" in lost
    assert "'nan' (1 row) may stand for no user" in absent
    assert "\"data.missing_values=['nan']\"" in absent
    assert name_notes("item", ["76561198000000001", "1.0", "e5", "2e", "none"]) == []
