"""Which device trains, what is refused, deterministic mode, bfloat16, and several devices sharing out the seeds."""

from __future__ import annotations

import multiprocessing
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from torch import nn

from seedbed.config.code import code_of
from seedbed.config.recipe import recipe_of
from seedbed.errors import ConfigError
from seedbed.running.runner import run
from seedbed.training import devices, workers
from seedbed.training.stack_trainer import StackTrainer
from tests.running.test_runner import statuses, store_of
from tests.stacking.test_against_reference import TABLE, config, curve, data_of, train
from tests.stored import children, runs
from tests.test_lr_finder import CASES
from tests.training.test_one_process import LAUNCHERS


def settings(accelerator: str = "auto", devices: Any = 1) -> dict[str, Any]:
    return {"accelerator": accelerator, "devices": devices}


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.accelerator(settings()) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert devices.torch_device(settings()) == torch.device("cuda", 0)
    assert devices.torch_device(settings(), 3) == torch.device("cuda", 3)
    assert devices.numbers(settings(devices="auto")) == [0, 1, 2, 3]
    assert devices.numbers(settings(devices=[3, 1])) == [1, 3]
    assert devices.lightning_settings(settings(devices=[3, 1])) == {"accelerator": "cuda", "devices": [1]}
    assert devices.torch_device(settings("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (settings("mps"), "trainer.accelerator=mps: it must be auto, cpu, gpu or cuda"),
        (settings("gpu"), "finds no CUDA device here.*trainer.accelerator=auto or cpu"),
        (settings("cpu", 3), r"trainer.devices=3: there are 2 CPU cores.*from 1 to 2"),
        (settings("cpu", 0), "trainer.devices=0"),
        (settings("cpu", [0, 5]), "trainer.devices="),
        (settings("cpu", "many"), "trainer.devices=many"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "available_cores", lambda: 2)
    with pytest.raises(ConfigError, match=said):
        devices.numbers(given)


def _pretend(folder: Path, visible: list[int]) -> None:
    """Four GPUs, of which this process sees some, whose numbers then start at 0."""
    torch.cuda.is_available = lambda: True
    torch.cuda.device_count = lambda: len(visible)
    torch.cuda.get_device_properties = lambda number: SimpleNamespace(uuid=f"GPU-{visible[number]}")
    devices.tempfile.tempdir = str(folder)


def _job_on_a_free_gpu(folder: Path, visible: list[int], answer: Connection) -> None:
    _pretend(folder, visible)
    answer.send([visible[number] for number in devices.numbers(settings(devices="free"))])
    answer.recv()  # trains until it is told to end


@pytest.mark.slow
def test_jobs_get_a_gpu_each_and_wait_for_one_that_is_free(tmp_path: Path) -> None:
    """In processes of their own, since a GPU is a process' own for as long as it lives, however it ends."""
    context = multiprocessing.get_context("fork")  # starts at once; nothing here touches CUDA
    ends, jobs = [], []
    for visible in ([0, 1], [0, 1], [1, 0]):
        here, there = context.Pipe()
        jobs.append(context.Process(target=_job_on_a_free_gpu, args=(tmp_path, visible, there)))
        jobs[-1].start()
        ends.append(here)
        if len(jobs) < 3:
            assert here.poll(20)
    first, second = (end.recv() for end in ends[:2])
    assert (first, second) == ([0], [1])
    assert not ends[2].poll(2 * devices.SECONDS_BETWEEN_LOOKS)
    jobs[1].kill()
    assert ends[2].poll(20)
    assert ends[2].recv() == [1]
    for job in jobs:
        job.kill()
        job.join()


def test_a_free_device_is_kept_and_on_a_cpu_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.numbers(settings("cpu", "free")) == [0]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"GPU-{number}"))
    monkeypatch.setattr(devices.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(devices, "_held", {})
    assert [devices.numbers(settings(devices="free")) for _ in range(3)] == [[0]] * 3
    assert devices.lightning_settings(settings(devices="free")) == {"accelerator": "cuda", "devices": [0]}


def test_processes_share_out_the_threads_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    assert [workers.threads_of(range(count)) for count in (1, 2, 4, 9)] == [6, 3, 1, 1]


@pytest.mark.slow
def test_on_one_machine_a_seed_repeats_to_the_last_bit() -> None:
    first, second = (train([0, 3], precision="32-true", deterministic=True) for _ in range(2))
    for seed, result in first.items():
        assert result.curves == second[seed].curves
        assert all(torch.equal(value, second[seed].weights[name]) for name, value in result.weights.items())


class Undetermined(nn.Module):
    """Uses an operation that PyTorch has in no deterministic form, on the CPU either."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            torch.zeros(3).put_(torch.tensor([0, 1]), torch.ones(2), accumulate=False)
        return self.linear(x)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_deterministic_mode_names_the_operation() -> None:
    model = {"_target_": f"{__name__}.Undetermined", "_partial_": True}
    with pytest.raises(ConfigError, match=r"trainer.deterministic=true: put_ does not have.*deterministic=warn"):
        train([0], model=model, deterministic=True)
    with pytest.warns(UserWarning, match="put_ does not have a deterministic implementation"):
        assert train([0], model=model, deterministic="warn", max_epochs=1)[0].outcome == "ok"
    assert train([0], model=model, max_epochs=1)[0].outcome == "ok"


@pytest.mark.slow
def test_bfloat16_trains_and_16_bit_floats_with_one_scale_for_all_seeds_do_not(project: Path) -> None:
    full, mixed = train([0, 1], precision="32-true"), train([0, 1], precision="bf16-mixed")
    for seed, result in mixed.items():
        assert result.outcome == "ok"
        assert curve(result, "val/loss") == pytest.approx(curve(full[seed], "val/loss"), rel=0.03)
        assert curve(result, "val/loss") != curve(full[seed], "val/loss")
    with pytest.raises(ConfigError, match=r"trainer\.precision=16-mixed.*bf16-mixed"):
        run("messages", ["trainer.precision=16-mixed"], config_dir=project)


def test_processes_have_the_variables_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though they are forks of one process that began before."""
    found = []
    for value in ("one", "two"):
        monkeypatch.setenv("SEEDBED_TEST_MOMENT", value)
        with workers.Workers() as started:
            asked = started.pool(settings("cpu"), [0], threads=1).submit(os.getenv, "SEEDBED_TEST_MOMENT")
            found.append(asked.result())
    assert found == ["one", "two"]


@pytest.mark.extended
def test_a_worker_ends_with_a_process_that_was_killed_and_ignores_what_interrupts_it(tmp_path: Path) -> None:
    script = tmp_path / "works.py"
    script.write_text(
        "import os, signal, time\n"
        "from seedbed.training.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    with Workers() as started:\n"
        "        pool = started.pool({'accelerator': 'cpu'}, [0], threads=1)\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        os.kill(pool.submit(os.getpid).result(), signal.SIGINT)\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker, interrupted = (int(process.stdout.readline()) for _ in range(2))
        assert worker == interrupted
        assert psutil.pid_exists(worker)
        process.kill()
    psutil.wait_procs([psutil.Process(worker)] if psutil.pid_exists(worker) else [], timeout=20)
    assert not psutil.pid_exists(worker)


def say(stack: str) -> None:
    workers._words[0].put(workers.Word(stack, None, 3, []))


def test_who_listens_hears_how_far_a_worker_is() -> None:
    heard: queue.Queue[Any] = queue.Queue()
    with workers.Workers() as started:
        pool = started.pool(settings("cpu"), [0], threads=1)
        with started.hearing("mine", heard.put):
            for stack in ("another", "mine"):
                pool.submit(say, stack).result()
            assert heard.get(timeout=20) == ("mine", None, 3, [])
        assert heard.empty()


def test_a_worker_says_which_epochs_are_done_and_gives_their_points(monkeypatch: pytest.MonkeyPatch) -> None:
    said: queue.Queue[Any] = queue.Queue()
    monkeypatch.setattr(workers, "_words", [said])
    monkeypatch.setattr(workers, "_device", [0])
    monkeypatch.setattr(workers, "SECONDS_BETWEEN_WORDS", -1.0)
    monkeypatch.setattr("seedbed.training.epoch_progress.SECONDS_BETWEEN_FLUSHES", -1.0)
    of = config(max_epochs=2)
    (result,), _ = workers.train_in_worker(of, TABLE, data_of([0]), code_of(recipe_of(of)), "mine")
    words = [said.get_nowait() for _ in range(said.qsize())]
    assert {word.stack for word in words} == {"mine"}
    assert [word.epochs for word in words if not word.points] == [1, 2, 2]
    assert [point for word in words for of_seed in word.points for point in of_seed] == result.curves


@pytest.mark.extended
@pytest.mark.skipif(devices.available_cores() < 2, reason="needs two cores")
def test_two_devices_share_out_the_seeds(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the variables of launchers as well, which the processes inherit."""
    other = shutil.copytree(project, tmp_path / "other")
    alone = run("messages", ["seeds=4"], config_dir=project)
    for name, value in (LAUNCHERS["torchelastic"] | LAUNCHERS["slurm"]).items():
        monkeypatch.setenv(name, value)
    shared = run("messages", ["seeds=4", "trainer.devices=2"], config_dir=other)
    again = run("messages", ["seeds=4"], config_dir=other)
    assert (alone.trained, shared.trained, again.trained, shared.failures) == (8, 8, 0, {})
    pd.testing.assert_series_equal(shared.cells["fingerprint"], alone.cells["fingerprint"])
    pd.testing.assert_frame_equal(shared.curves, alone.curves, rtol=1e-4)
    store = store_of(other, "messages")
    (variant, *_) = children(store, shared.launch)
    assert [found.data.params["trainer.seeds_at_once"] for found in children(store, variant.info.run_id)] == ["2"] * 4


@pytest.mark.slow
@pytest.mark.skipif(devices.available_cores() < 2, reason="needs two cores")
def test_a_failure_on_one_device_leaves_the_others_results(project: Path) -> None:
    (project / "own_network.py").write_text(
        "import multiprocessing, torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, in_features, out_features):\n"
        "        super().__init__()\n"
        "        self.linear = torch.nn.Linear(in_features, out_features)\n"
        "        self.fails = torch.initial_seed() % 2 == 0 and multiprocessing.parent_process() is not None\n"
        "    def forward(self, x):\n"
        "        if self.fails: raise RuntimeError('an even seed')\n"
        "        return self.linear(x)\n"
    )
    network = ["model._target_=own_network.Net", "~model.hidden", "~model.dropout"]
    outcome = run("messages", [*network, "variant=none", "seeds=6", "trainer.devices=2"], config_dir=project)
    assert "an even seed" in outcome.failures["none"]
    found = statuses(store_of(project, "messages"), "seed")
    assert set(found.values()) == {"FINISHED", "FAILED"}
    assert len(found) == 6
    assert outcome.trained == list(found.values()).count("FINISHED")
    failed = [run for run in runs(store_of(project, "messages"), "seed") if run.info.status == "FAILED"]
    assert all("an even seed" in run.data.tags["seedbed.error"] for run in failed)


gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("device", [pytest.param("cuda", marks=gpu)])
def test_a_gpu_gives_what_the_cpu_gives(device: str, dropout: float) -> None:
    model = config()["model"] | {"dropout": dropout}
    here, there = train([0, 1, 2], model=model), train([0, 1, 2], model=model, accelerator=device)
    for seed, result in here.items():
        np.testing.assert_allclose([p[2] for p in result.curves], [p[2] for p in there[seed].curves], atol=1e-7)


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=gpu)])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_deterministic_mode_runs_on_a_gpu(device: str, dropout: float) -> None:
    changes = {"model": config()["model"] | {"dropout": dropout}, "accelerator": device, "precision": "32-true"}
    first, second = (train([0, 1], deterministic=True, **changes) for _ in range(2))
    for seed, result in first.items():
        assert result.curves == second[seed].curves


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=gpu)])
@pytest.mark.parametrize("name", CASES)
def test_networks_of_every_task_repeat_to_the_last_bit(name: str, device: str) -> None:
    """In deterministic mode, which refuses operations that have no deterministic form."""
    case = CASES[name]
    settings = case.settings["trainer"] | {"deterministic": True, "accelerator": device, "max_epochs": 1}
    first, second = (case.trainer(trainer=settings).train(case.data([0, 2])) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.outcome == "ok"
        assert one.curves == other.curves
        assert all(torch.equal(value, other.weights[part]) for part, value in one.weights.items())


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=gpu)])
def test_a_step_on_a_gpu_waits_for_nothing(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = StackTrainer(config(accelerator=device, max_epochs=2), TABLE)
    module: Any = trainer.parts.make_task.func  # type: ignore[attr-defined]
    step = module.training_step

    def watched(self: Any, chunk: Any, number: int) -> None:
        assert chunk.index.device.type == self.features.device.type == device
        # The very first chunk sets up cuBLAS and the optimizer's state.
        torch.cuda.set_sync_debug_mode("error" if self.current_epoch > 0 else "default")
        try:
            step(self, chunk, number)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(module, "training_step", watched)
    assert {result.outcome for result in trainer.train(data_of([0, 1, 2]))} == {"ok"}


@pytest.mark.extended
def test_what_workers_are_forked_from_shares_its_memory_and_has_no_store() -> None:
    """Of what is imported, the garbage collector looks at nothing; what takes much memory and trains no network is not among it."""
    absent = "[name for name in ('mlflow', 'pandas', 'sklearn') if name in sys.modules]"
    imports = f"import gc, sys, seedbed.training.forked_from; print(gc.get_freeze_count(), *{absent})"
    done = subprocess.run([sys.executable, "-c", imports], capture_output=True, text=True, check=True, timeout=120)
    frozen, *imported = done.stdout.split()
    assert int(frozen) > 100_000
    assert imported == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, processes are spawned in any case")
def test_workers_are_spawned_where_the_path_of_a_socket_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    assert workers._context(cuda=False).get_start_method() == "forkserver"
    monkeypatch.setattr(tempfile, "tempdir", f"/{'scratch' * 10}")
    assert workers._context(cuda=False).get_start_method() == "spawn"
