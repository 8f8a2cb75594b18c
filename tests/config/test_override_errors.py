"""What is said where Hydra cannot compose a config."""

from __future__ import annotations

import pytest

from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError
from tests.config.refusals import SPAM, assert_refused, first_override


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.hiden=[3]"], ["there is no key 'model.hiden', did you mean 'hidden'"]),
        (["hidden=[3]"], ["'hidden'", "'model.hidden'"]),
        (["model=mpl"], ["group 'model'", "'mpl'", "did you mean 'mlp'"]),
        (["split=per_sed"], ["'split'", "'per_seed'"]),
        (["variant=none", "imbalance.sampler.sampling_strategy=0.5"], ["'none' (imbalance=none)", "undersample, oversample, smote"]),
        (["model.hidden={a: 1}"], ["model.hidden is [256,128]", "no mapping", "of its kind"]),
        (["+optimizer.lr=5"], ["already", "write optimizer.lr=5"]),
        (["new=1"], ["Override 'new=1': new: there is no such setting"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_an_unknown_name_is_answered_with_near_misses(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["optimizer=sgd", "optimizer.momentm=0.9"], "did you mean 'momentum'"),
        (["schedule=one_cycle", "schedule.dvi=3"], "did you mean 'div'"),
        (["data/encoder=tfidf", "data.encoder.max_feature=3"], "did you mean 'max_features'"),
        (["model.hiden=[3]", "model.hiden=[4]"], "Override 'model.hiden=[4]'"),
        (["optimizer=sgd", "optimizer=sgdd"], "Override 'optimizer=sgdd'"),
        (["split.per_seed=true", "split.per_seed=x"], "split.per_seed=x"),
        (["~split"], "split: nothing is chosen where every run needs something. Write split=CHOICE"),
        (["~data"], "Write data=CHOICE"),
        (["~report.metric"], "Write report.metric=VALUE"),
        (["~trainer.batch_size"], "Write trainer.batch_size=VALUE"),
        (["split=null"], "no choice 'null', known: as_published"),
        (["data=movielens_100k"], "Choose a task for ratings"),
        (["variant=[]"], "variant=[] picks no variant"),
        (["variants={}"], "its variants and data sets stand in its file"),
        (["+max_epochs=3"], "write trainer.max_epochs"),
        (["patience=true"], "patience=true"),
    ],
    ids=str,
)
def test_what_is_typed_is_answered_where_the_choice_was_made(overrides: list[str], said: str) -> None:
    about_variants = any("variant" in override for override in overrides)
    with pytest.raises(ConfigError) as error:
        load_experiment(SPAM, [*([] if about_variants else ["variant=none"]), *overrides])
    assert said in str(error.value)
    assert "Error" not in str(error.value)
