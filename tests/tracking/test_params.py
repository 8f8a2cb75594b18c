"""Configs as params and as files."""

from __future__ import annotations

import yaml

from seedbed.tracking.params import flat_params, is_cut, param_key, param_text, to_yaml


def test_equal_values_have_one_spelling() -> None:
    assert param_text([1.0, 2]) == param_text([1, 2.0])
    assert param_text("1") == "1"
    assert not is_cut("x" * 6000)
    assert is_cut("x" * 6001)


def test_keys_that_mlflow_does_not_take_get_one_that_it_does() -> None:
    assert param_key("model.hidden[0]") == "model.hidden_0_"
    long, other = param_key("k" * 300), param_key("k" * 299 + "j")
    assert (len(long), len(other)) == (250, 250)
    assert long != other


def test_a_config_is_flat_without_what_is_left_out() -> None:
    assert flat_params({"question": "why", "trainer": {"max_epochs": 2}}, ("question",)) == {"trainer.max_epochs": 2}


def test_no_password_stands_in_the_file_or_in_a_param() -> None:
    address = "postgresql://me:secret@host/db"
    text = to_yaml({"search": {"storage": address}, "data": {"name": "é"}})
    assert "secret" not in text
    assert "secret" not in param_text(address)
    assert yaml.safe_load(text) == {"search": {"storage": "postgresql://me:***@host/db"}, "data": {"name": "é"}}
    assert text.index("search") < text.index("data")
