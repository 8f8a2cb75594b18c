"""The space: what can be typed, and what is refused before any trial."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from seedbed.config.override_grammar import parse
from seedbed.errors import ConfigError
from seedbed.search.space import as_override, read_points, read_space
from tests.properties import Examine


def test_the_grammar_of_hydras_sweeper_gives_optunas_distributions() -> None:
    params = {
        "optimizer.lr": "tag(log, interval(1e-4, 1e-1))",
        "model.factors": "range(10, 50, step=15)",
        "dropout": "interval(0.0, 0.5)",
        "momentum": "range(0.5, 0.9, step=0.2)",
        "bias": "choice(true, false)",
        "epochs": 7,
    }
    space, fixed = read_space(params, ["model.hidden=[64],[256,128]", "dropout=interval(0.1, 0.2)"])
    assert space.distributions == {
        "optimizer.lr": FloatDistribution(1e-4, 1e-1, log=True),
        "model.factors": IntDistribution(10, 40, step=15),
        "dropout": FloatDistribution(0.1, 0.2),  # what is typed counts
        "momentum": FloatDistribution(0.5, 0.9, step=0.2),
        "bias": CategoricalDistribution([True, False]),
        "model.hidden": CategoricalDistribution(["[64]", "[256,128]"]),
    }
    assert fixed == ["epochs=7"]
    assert space.size is None
    assert space.texts["optimizer.lr"] == "tag(log, interval(1e-4, 1e-1))"
    seen = [point["model.hidden"] for point in space.corners()], {point["optimizer.lr"] for point in space.corners()}
    assert seen == (["[64]", "[256,128]", "[256,128]"][: len(seen[0])], {1e-4, 1e-1})


def test_a_space_of_choices_and_steps_has_a_size() -> None:
    space, _ = read_space({}, ["a=1,2,3", "b=range(0, 4)", "c=x,y"])
    assert space.size == 3 * 5 * 2  # both ends of a range, as with Hydra's own Optuna sweeper


def test_the_end_of_a_range_of_fractions_is_in_it() -> None:
    """0.0 + 3 * 0.3 is a little less than 0.9."""
    space, _ = read_space({}, ["dropout=range(0.0, 0.9, step=0.3)", "x=range(0, 1, step=0.1)"])
    assert space.distributions["dropout"] == FloatDistribution(0.0, 0.9, step=0.3)
    assert space.size == 4 * 11


def test_quoted_choices_stay_texts() -> None:
    space, _ = read_space({}, ["a='1','2'", "b=choice('c,d',e)"])
    assert space.distributions["a"] == CategoricalDistribution(["'1'", "'2'"])
    point = [as_override(key, value) for key, value in space.corners()[0].items()]
    assert [item.value() for item in parse(point)] == ["1", "c,d"]


def test_values_go_back_into_hydras_grammar() -> None:
    assert [as_override("k", value) for value in (True, None, 1e-05, 3, "[4,8]", "adam")] == [
        "k=true", "k=null", "k=1e-05", "k=3", "k=[4,8]", "k=adam",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("optimizer.lr=tag(log, interval(0, 0.1))", "a logarithmic scale has no 0"),
        ("optimizer.lr=tag(log, interval(-1, 0.1))", "a logarithmic scale has no -1"),
        ("optimizer.lr=interval(0.2, 0.1)", "rises from its low to its high end"),
        ("model.factors=range(50, 10)", "rises from its start to its end"),
        ("batch=64,64", "64 appears twice"),
        ("batch=choice(64)", "a single choice leaves nothing to search"),
        ("batch=glob(*)", "does not know this way"),
        ("split.val=0.1,0.2", "other validation rows"),
        ("seeds=5,10", "cannot change a result"),
        ("k=tag(log, range(0, 10))", "one of whole numbers from 1 on, without steps"),
        ("k=tag(log, range(1, 10, step=3))", "one of whole numbers from 1 on, without steps"),
        ("k=tag(log, range(0.1, 0.9, step=0.1))", "one of whole numbers from 1 on, without steps"),
        ("k=tag(log, choice(1, 10))", "choices have no scale"),
        ("k=tag(log, shuffle(range(1, 10)))", "choices have no scale"),
        ("k=tag(lin, interval(0, 10))", "knows no tag 'lin'"),
        ("k=interval(0, inf)", "two finite ends"),
        ("k=interval(-inf, 0)", "two finite ends"),
        ("k=range(0, inf)", "two finite ends"),
        ("k=interval(-1e308, 1e308)", "two finite ends"),
        ("trainer.devices=1,2", "cannot change a result"),
    ],
)
def test_bad_spaces_are_refused(typed: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")) as refused:
        read_space({}, [typed])
    assert typed.split("=", 1)[0] in str(refused.value)


SPACE = read_space(
    {}, ["a=1e-3,1e-2", "b=[4],[8,16]", "c=interval(0.0,0.5)", "d=range(10,50,step=10)", "e=true,false"]
)[0]


def test_points_to_try_first_are_read_as_the_space_has_them() -> None:
    typed = {"e": True, "a": "0.01", "b": [8, 16], "c": 0, "d": 20.0}
    (point,) = read_points([typed], SPACE)
    assert point == {"a": 1e-2, "b": "[8,16]", "c": 0.0, "d": 20, "e": True}
    assert read_points([], SPACE) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": 1}, "search.first={'a': 1} cannot be used: it must be a list of points, such as [{a: 0.001, b: [4]"),
        ([3], "search.first[0]=3 cannot be used: it must be a point"),
        ([{"aa": 1}], "search.first[0]: aa is not searched, did you mean 'a'?"),
        ([{"a": 1e-3}], "search.first[0] has no value of b: give one to each key that is searched"),
        (
            [WHOLE := {"a": 1e-3, "b": "[4]", "c": 0.1, "d": 10, "e": True}, WHOLE | {"d": 15}],
            "search.first[1]: d=15 is",
        ),
        ([WHOLE | {"c": 0.6}], "search.first[0]: c=0.6 is not among the values that are searched: interval(0.0,0.5)"),
        ([WHOLE | {"c": True}], "c=true is not among"),
        ([WHOLE | {"c": float("nan")}], "c=nan is not among"),
        ([WHOLE | {"e": 1}], "e=1 is not among"),
        ([WHOLE | {"b": [4, 4]}], "b=[4, 4] is not among the values that are searched: [4],[8,16]"),
    ],
)
def test_points_that_are_not_in_the_space_are_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_points(given, SPACE)
    assert said in str(refused.value)


@pytest.mark.slow
def test_whatever_is_given_as_a_point_is_read_or_refused(examine: Examine) -> None:
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    anything = st.recursive(leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
    keys = st.sampled_from(list(SPACE.distributions))

    def holds(given: Any) -> None:
        try:
            points = read_points(given, SPACE)
        except ConfigError:
            return
        for point in points:
            assert all(
                SPACE.distributions[key]._contains(SPACE.distributions[key].to_internal_repr(value))
                for key, value in point.items()
            )

    examine(holds, given=anything | st.lists(st.dictionaries(keys, anything, min_size=5)))


def test_a_range_of_whole_numbers_may_have_a_logarithmic_scale() -> None:
    space, _ = read_space({}, ["k=tag(log, range(1, 1000000000000))"])
    assert space.distributions["k"] == IntDistribution(1, 10**12, log=True)
    assert space.size == 10**12
