"""The code that a recipe names: what counts as a change of it, and where it is looked for."""

from __future__ import annotations

import ast
import csv
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from seedbed.config import code
from seedbed.config.building import build
from seedbed.config.code import REFERENCE, Code, check_code, code_of, digest_of, reread
from seedbed.config.experiment import Variant, load_experiment
from seedbed.config.recipe import flatten
from seedbed.errors import ConfigError, DataError
from seedbed.paths import resources
from seedbed.running.planning import load_table
from seedbed.training.progress import Display


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of a user's, whose modules can be imported, and are forgotten afterwards."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def write(folder: Path, **files: str) -> None:
    """``a__b="text"`` writes a/b.py."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/', 1) if not name.startswith('__') else name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    reread()


def modules(name: str = "net.Net") -> Mapping[str, str]:
    return code_of({"model._target_": name}).modules


# ---- what counts as a change


@pytest.mark.parametrize(
    "text",
    [
        '"""Another docstring."""\n\nimport math\nclass Net:\n    def size(self): return math.pi  # as said\n',
        "import math\n\n\nclass Net:\n    '''Of the class.'''\n\n    def size(self):\n        '''Of the method.'''\n        return (math.pi)\n",
        "import math;\n# -*- a comment -*-\nclass Net:\n\tdef size(self):\n\t\treturn math.pi\n",
    ],
)
def test_comments_docstrings_and_layout_do_not_count(text: str) -> None:
    plain = "import math\nclass Net:\n    def size(self):\n        return math.pi\n"
    assert digest_of(ast.parse(text)) == digest_of(ast.parse(plain))


def test_all_else_counts() -> None:
    texts = [
        "x = 1", "x = 1.0", "x = True", "x = '1'", "x = b'1'", "x = None", "x = 0", "x = False", "x = ''", "x = -1",
        "y = 1", "x = []", "x = ['']", "x = ['', 'a']", "x = ['a']", "x: int = 1", "x = f'{y}'", "x = f'{y!r}'",
        "f()", "f(1)", "f(a=1)", "def f(): pass", "def f(a): pass", "def f(*, a): pass", "async def f(): pass",
        "def f(): return 1", "def f(): return 2", "@g\ndef f(): pass",
    ]  # fmt: skip
    digests = [digest_of(ast.parse(text)) for text in texts]
    assert len(set(digests)) == len(texts)


def test_a_digest_is_the_same_in_every_version_of_python() -> None:
    """As Python 3.11, 3.12 and 3.13 gave it; another one would train every user's cells anew."""
    text = "import a\ndef f(x, *, y=f'{a!r} {{b}} {c:>{d}}'):\n    'doc'\n    return [x.z, -1.5, None, *y]\n"
    assert digest_of(ast.parse(text)) == "390b2717f2eb3466"


def test_a_long_expression_is_read() -> None:
    assert digest_of(ast.parse("x = " + " + ".join(["y"] * 800)))


# ---- what is reached


def test_imports_are_followed_wherever_they_stand(mine: Path) -> None:
    write(
        mine,
        net="import importlib\nfrom pack import layers\ndef f():\n    import lazily\nhidden = importlib.import_module('hidden')\n",
        pack____init__="",
        pack__layers="from . import acts\nfrom .deep import *\n",
        pack__acts="import json, torch, numpy, sklearn\n",
        pack__deep="importlib.import_module('.relative', __package__)\n",
        pack__relative="",
        pack__unused="",
        lazily="",
        hidden="import net\n",
        unused="",
    )
    reached = {"net", "pack/__init__", "pack/layers", "pack/acts", "pack/deep", "pack/relative", "lazily", "hidden"}
    before = modules()
    assert set(before) == {f"{name}.py" for name in reached}
    write(mine, unused="x = 2  # changed", pack__unused="x = 2")
    assert modules() == before
    write(mine, pack__acts="import json, torch, numpy, sklearn\nx = 2\n")
    assert {name for name, digest in modules().items() if before[name] != digest} == {"pack/acts.py"}
    assert "net" not in sys.modules  # nothing was run


def test_names_for_hydras_lookups_and_in_lists(mine: Path) -> None:
    write(mine, net="", acts="", third="", fourth="", fifth="")
    recipe = {
        "model._target_": "net.Net",
        "model.act._target_": "hydra.utils.get_method",
        "model.act.path": "acts.gelu",
        "model.parts": [
            {"_target_": "third.Part", "inner": {"_target_": "hydra.utils.get_class", "path": "fourth.Part"}}
        ],
        "model.steps": [["scaled", {"_target_": "fifth.Part"}]],
        "model.path": "unused.weights",
    }
    assert set(code_of(recipe).modules) == {"net.py", "acts.py", "third.py", "fourth.py", "fifth.py"}
    recorded = {key: value if isinstance(value, str) else json.dumps(value) for key, value in recipe.items()}
    assert code_of(recorded) == code_of(recipe)


KINDS = {
    "network": {"model": {"_target_": "net.thing", "_partial_": True}},
    "task": {"task": {"_target_": "net.Thing"}},
    "split": {"split": {"_target_": "net.Thing", "test": 0.1}},
    "data set": {"data": {"_target_": "net.Thing"}},
    "encoder": {"data": {"_target_": "seedbed.data.text_csv.TextCsv", "encoder": {"_target_": "net.Thing"}}},
    "strategy": {"imbalance": {"_target_": "net.Thing"}},
    "sampler": {"imbalance": {"_target_": "seedbed.imbalance.resample.Resample", "sampler": {"_target_": "net.Thing"}}},
    "augmenter": {
        "imbalance": {
            "_target_": "seedbed.imbalance.text_augment.TextAugment",
            "augmenter": {"_target_": "net.thing", "_partial_": True},
        }
    },
    "metric": {
        "task": {
            "_target_": "seedbed.tasks.classification.Classification",
            "own_metrics": {"mine": {"function": {"_target_": "net.thing", "_partial_": True}}},
        }
    },
    "optimizer": {"optimizer": {"_target_": "net.Thing", "lr": 0.1}},
    "schedule": {"schedule": {"_target_": "net.Thing"}},
}


@pytest.fixture(scope="module")
def shipped() -> Variant:
    return load_experiment("spam_imbalance", ["variant=none"]).variants[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_users_code_of_every_kind_is_part_of_the_fingerprint(kind: str, mine: Path, shipped: Variant) -> None:
    variant = replace(shipped, config={**shipped.config, **KINDS[kind]})

    def fingerprint(text: str) -> str:
        write(mine, net="import helper\n", helper=text)
        return variant.fingerprint(0, {}, variant.code())

    before = fingerprint("x = 1\n")
    assert fingerprint("x = 1  # why\n") == before
    assert fingerprint("x = 22\n") != before
    assert variant.fingerprint(0, {}) not in (before, fingerprint("x = 22\n"))


def test_what_cannot_change_a_result_is_not_followed(mine: Path, shipped: Variant) -> None:
    write(mine, net="")
    searched = {"search": {**shipped.config["search"], "sampler": {"_target_": "net.Sampler"}}}
    assert replace(shipped, config={**shipped.config, **searched}).code().modules == {}


# ---- packages


def distribution(
    site: Path, name: str, version: str = "1.0", *, url: dict[str, Any] | None = None, files: str = ""
) -> None:
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "RECORD").write_text(files)
    if url is not None:
        (folder / "direct_url.json").write_text(json.dumps(url))


def package(folder: Path, name: str, text: str = "x = 1\n") -> Path:
    path = folder / name
    path.mkdir(parents=True)
    (path / "__init__.py").write_text(text)
    return path / "__init__.py"


@pytest.fixture
def site(mine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages are installed in this test."""
    folder = mine.parent / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    return folder


def test_a_package_installed_from_a_folder_is_a_users_code(
    mine: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = mine.parent / "project"
    monkeypatch.setattr(sys, "path", [*sys.path, str(project / "src")])
    editable = {"url": project.as_uri(), "dir_info": {"editable": True}}
    distribution(site, "linked", url=editable)
    linked = package(project / "src", "linked")
    distribution(site, "copied", url={"url": project.as_uri(), "dir_info": {}}, files="copied/__init__.py,,\n")
    copied = package(site, "copied")
    distribution(site, "indexed", files="indexed/__init__.py,,\n")
    indexed = package(site, "indexed")
    write(mine, net="import linked, copied, indexed\n")
    before = modules()
    assert set(before) == {"net.py", "linked/__init__.py", "copied/__init__.py"}
    for file in (linked, copied, indexed):
        file.write_text("x = 22\n")
    reread()
    after = modules()
    assert {name for name in after if after[name] != before[name]} == {"linked/__init__.py", "copied/__init__.py"}


def test_an_editable_package_beside_its_own_record(mine: Path) -> None:
    """As ``pip install --editable --target`` leaves it, in one folder."""
    editable = {"url": mine.as_uri(), "dir_info": {"editable": True}}
    distribution(mine, "linked", url=editable, files="linked/__init__.py,,\n")
    package(mine, "linked")
    assert set(modules("linked.Net")) == {"linked/__init__.py"}


def test_what_pip_has_put_beside_a_users_modules(mine: Path) -> None:
    distribution(mine, "target", "2.0", files="target/__init__.py,,\n")
    package(mine, "target")
    write(mine, net="import target\n")
    assert code_of({"model._target_": "net.Net"}).packages == {"target": "2.0"}
    assert set(modules()) == {"net.py"}


def test_versions_of_installed_packages(mine: Path, site: Path) -> None:
    distribution(site, "made-up", "1.2", files="madeup/__init__.py,,\n")
    package(site, "madeup")
    commit = {"url": "https://example.org/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}
    distribution(site, "fetched", "3.0", url=commit, files="fetched/__init__.py,,\n")
    package(site, "fetched")
    found = code_of(
        {"model._target_": "madeup.Net", "task._target_": "fetched.Task", "optimizer._target_": "torch.optim.Adam"}
    )
    assert found == Code({}, {"fetched": "3.0 (abc123)", "made-up": "1.2"})
    assert found.beyond_shipped == {"packages": {"fetched": "3.0 (abc123)", "made-up": "1.2"}}


def test_versions_of_what_a_users_module_imports(mine: Path, site: Path) -> None:
    distribution(site, "wrapped", "1.2", files="wrapped/__init__.py,,\n")
    package(site, "wrapped")
    write(mine, net="import json\nimport torch\nfrom help import made\n", help="def made():\n    import wrapped.nets\n")
    assert code_of({"model._target_": "net.Net"}).packages == {"wrapped": "1.2"}


def test_condas_note_of_where_it_built_a_package_is_none(site: Path) -> None:
    built = {"url": "file:///home/conda/feedstock_root/build_artifacts/made", "dir_info": {}}
    distribution(site, "made", "1.2", url=built, files="made/__init__.py,,\n")
    (site / "made-1.2.dist-info" / "INSTALLER").write_text("conda\n")
    package(site, "made")
    assert code_of({"model._target_": "made.Net"}) == Code({}, {"made": "1.2"})


@pytest.fixture
def as_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the reference versions were installed."""
    installed = code._version
    monkeypatch.setattr(code, "_version", lambda package: REFERENCE.get(package) or installed(package))


@pytest.mark.usefixtures("as_pinned")
def test_what_seedbed_ships_keeps_its_fingerprints() -> None:
    files = [path for path in (resources() / "conf").glob("*/**/*.yaml") if "hydra" not in path.parts]
    for path in files:
        config = yaml.safe_load(path.read_text("utf-8")) or {}
        recipe = {f"{path.parent.name}.{key}": value for key, value in flatten(config).items()}
        if path.parent.parent.name == "search" or path.parent.name == "search":
            continue
        assert code_of(recipe).beyond_shipped == {}, path


USE = "use-multilingual-v3-0.2.1"


def recorded(experiment: str, variant: str) -> dict[int, str]:
    """The committed fingerprints of a variant, by seed."""
    with (resources() / "experiments" / experiment / "results.csv").open() as file:
        return {int(row["seed"]): row["fingerprint"] for row in csv.DictReader(file) if row["variant"] == variant}


def digest_in_report(experiment: str) -> str:
    """Of the data that the committed cells were trained on."""
    text = (resources() / "experiments" / experiment / "report.md").read_text("utf-8")
    return re.findall(r"SHA-256 \| `(\w+)`", text)[0]


@pytest.mark.slow
@pytest.mark.usefixtures("as_pinned")
@pytest.mark.parametrize(
    ("experiment", "variant", "inputs"),
    [
        ("spam_imbalance", "none", {"encoder": USE}),
        ("spam_imbalance", "smote", {"encoder": USE}),
        ("lenet_lr", "sgd_lr_0.001", {}),
        pytest.param("cold_start", "fold_in", None, marks=pytest.mark.data),
        pytest.param("two_tower_retrieval", "als", None, marks=pytest.mark.data),
    ],
)
def test_published_cells_keep_their_fingerprints(experiment: str, variant: str, inputs: dict[str, str] | None) -> None:
    config = load_experiment(experiment, [f"variant={variant}"]).variants[0]
    if inputs is None:
        try:
            table = load_table(config.config["data"], Display(quiet=True))
        except DataError as error:
            pytest.skip(str(error))
        inputs = dict(table.made_with)
    inputs = {
        "data": digest_in_report(experiment),
        **inputs,
        "strategy": " ".join(build(config.config["imbalance"], "imbalance").describe()),
    }
    prints = recorded(experiment, variant)
    assert prints
    assert {seed: config.fingerprint(seed, inputs, config.code()) for seed in prints} == prints


@pytest.mark.parametrize(
    ("target", "packages"),
    [
        ("seedbed.imbalance.resample.Resample", {"imbalanced-learn", "scikit-learn"}),
        ("imblearn.over_sampling.SMOTE", {"imbalanced-learn", "scikit-learn"}),
        ("seedbed.data.feature_csv.FeatureCsv", {"scikit-learn"}),
        ("seedbed.models.baselines.ALS", {"implicit"}),
    ],
)
def test_another_version_than_the_reference_counts(
    target: str, packages: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "_version", lambda package: REFERENCE.get(package, "1"))
    then = code_of({"part._target_": target})
    assert set(then.packages) == packages
    monkeypatch.setattr(code, "_version", lambda package: "0.1" if package in packages else "1")
    now = code_of({"part._target_": target})
    assert set(now.beyond_shipped["packages"]) == packages
    assert then.changed(now) == [f"{package} ({REFERENCE[package]}, now 0.1)" for package in sorted(packages)]


def test_the_reference_versions_are_those_of_the_constraints() -> None:
    lines = (Path(__file__).parents[2] / "constraints.txt").read_text().splitlines()
    assert {f"{package}=={version}" for package, version in REFERENCE.items()} <= set(lines)


# ---- what is wrong is said before any work


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"def f(:\n", r"net\.py, line 1: this is not valid Python: invalid syntax"),
        (b"x = '\xe9'\n", r"net\.py.*utf-8.*UTF-8, or name its encoding"),
        (b"x = 1\0\n", r"net\.py.*null bytes"),
        (b"x = 1\nimport helpr\n", r"net\.py, line 2: it imports helpr, and there is no such module"),
        (b"from pack.layrs import Net\n", r"net\.py, line 1: it imports pack\.layrs, and there is no such module"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(text: bytes, said: str, mine: Path) -> None:
    write(mine, pack____init__="", pack__layers="")
    (mine / "net.py").write_bytes(text)
    with pytest.raises(ConfigError, match=said):
        check_code({"model._target_": "net.Net"})


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import helpr\nexcept ImportError:\n    helpr = None\n",
        "def f():\n    import helpr\n",
        "import sys\nsys.path.insert(0, 'more')\nimport helpr\n",
        "from pack import name_of_its_own\nimport torch.nn.functional, yaml\nfrom __future__ import annotations\n",
        "# -*- coding: latin-1 -*-\n",
    ],
)
def test_what_may_go_well_is_not_refused(text: str, mine: Path) -> None:
    write(mine, pack____init__="name_of_its_own = 1\n", net=text)
    check_code({"model._target_": "net.Net"})


def test_a_name_without_a_module_is_refused_with_near_misses(mine: Path) -> None:
    write(mine, mynet="")
    with pytest.raises(
        ConfigError, match=r"model._target_=mynett\.Net: there is no module 'mynett', did you mean 'mynet'"
    ):
        check_code({"model._target_": "mynett.Net"})


def test_a_name_without_a_module_where_the_user_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seedbed.config.code._users_modules", list)
    with pytest.raises(ConfigError, match=r"there is no module 'notthere'\. Put notthere\.py into"):
        check_code({"model._target_": "notthere.Net"})


def test_a_file_that_changes_after_its_import_is_refused(mine: Path) -> None:
    """The process would run what it has imported, under the name of what the file holds now."""
    write(mine, net="x = 1\n")
    before = modules()
    __import__("net")
    write(mine, net="x = 1  # the same\n")
    assert modules() == before
    with pytest.raises(
        ConfigError, match=r"net\.py has changed since this Python process imported it.*restart the kernel"
    ):
        write(mine, net="x = 22\n")
    assert modules() == before  # what this process runs


def test_digests_take_little_time(mine: Path) -> None:
    write(mine, **{f"part{number}": "x = [f(a, b=2) for a in range(3)]\n" * 100 for number in range(5)})
    write(mine, net="import part0, part1, part2, part3, part4\n")
    start = time.process_time()
    modules()
    assert time.process_time() - start < 0.5  # a tenth of it where nothing else runs
    start = time.process_time()
    modules()
    assert time.process_time() - start < 0.05


def test_an_egg_info_beside_a_users_modules_installs_nothing(mine: Path) -> None:
    """As ``pip install --editable`` leaves it in the project's folder, with setuptools."""
    (mine / "own.egg-info").mkdir()
    (mine / "own.egg-info" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (mine / "own.egg-info" / "SOURCES.txt").write_text("net.py\n")
    write(mine, net="x = 1\n")
    assert set(modules()) == {"net.py"}


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ("from seedbed.imbalance.resample import Resample\n", {"imbalanced-learn", "scikit-learn"}),
        ("import seedbed.imbalance.resample as own\n", {"imbalanced-learn", "scikit-learn"}),
        ("from seedbed.models import baselines\n", {"implicit"}),
        ("from seedbed.models.baselines import Popular\n", set()),
    ],
)
def test_what_a_users_class_derives_from_says_what_it_wraps(
    text: str, packages: set[str], mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "_version", lambda package: "0.1" if package in REFERENCE else "1")
    write(mine, net=text)
    assert set(code_of({"model._target_": "net.Net"}).packages) == packages


def test_a_file_that_changed_before_it_was_first_read_is_refused(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (mine / "net.py").write_text("x = 1\n")
    __import__("net")
    assert modules()
    del code._read_before[mine / "net.py"]
    (mine / "net.py").write_text("x = 22\n")
    with pytest.raises(ConfigError, match=r"net\.py has changed since this Python process imported it"):
        modules()
    monkeypatch.setattr(sys.modules["net"], "__cached__", None)
    with pytest.raises(ConfigError, match=r"net\.py has changed since this Python process imported it"):
        modules()
    monkeypatch.setattr(code, "_STARTED", time.time_ns() + 10**9)
    assert modules()


def test_the_script_that_runs_is_read_and_a_notebook_is_refused(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = {"model._target_": "__main__.Net"}
    main = type(sys)("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    with pytest.raises(ConfigError, match=r"model\._target_=__main__\.Net: the code of __main__.*write mynet"):
        check_code(recipe)
    (mine / "script.py").write_text("class Net: pass\n")
    monkeypatch.setattr(code, "_STARTED", time.time_ns() + 10**9)
    main.__file__ = str(mine / "script.py")
    check_code(recipe)
    assert set(code_of(recipe).modules) == {"__main__.py"}
