"""Ray itself: the rows of one process, although a worker is killed; and what is said when it cannot go on.

Those marked `cluster` start Ray, which takes minutes on a busy machine:

    .venv/bin/pip install --editable '.[ray]' && .venv/bin/python -m pytest -m cluster tests/inference/cluster
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from conflict_ner.errors import ConfigError, MissingExtraError
from conflict_ner.inference.cluster import ray_pipeline
from conflict_ner.inference.cluster.ray_pipeline import Workers
from helpers.archives import write
from helpers.encoders import SENTENCES

CORES = {"CPU": 8.0, "memory": 1e9}


def test_a_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conflict_ner.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"--ray needs packages .*(?s:.)*'ray\[data\]"):
        ray_pipeline.require_ray()


def test_an_address_where_nothing_listens_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(
            ConfigError, match=rf"{address}: no Ray cluster answers there: Connection refused; give local"
        ):
            ray_pipeline._refuse_silent_host(address)
    for other in ("local", "auto", "ray://[::1", "host:port"):  # Ray knows what they mean, or says what is wrong
        ray_pipeline._refuse_silent_host(other)


def test_a_ray_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(*_: object, **__: object) -> None:
        raise Exception("The current node timed out during startup.\nPerhaps it is overloaded.")

    ray = SimpleNamespace(is_initialized=lambda: False, init=init)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_pipeline, "require_ray", lambda: None)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "set")
    with (
        pytest.raises(ConfigError, match="local: The current node timed out during startup; give local, auto"),
        ray_pipeline.connect("local"),
    ):
        pass


@pytest.mark.parametrize(
    ("workers", "resources", "expected"),
    [
        (Workers(), CORES, (8, {"num_cpus": 1})),
        (Workers(3, cores=2), CORES, (3, {"num_cpus": 2})),
        (Workers(cores=3), {**CORES, "GPU": 4.0}, (2, {"num_cpus": 3, "num_gpus": 1})),
        (Workers(gpu=False), {**CORES, "GPU": 4.0}, (8, {"num_cpus": 1})),
    ],
)
def test_as_many_workers_as_there_is_room_for(
    workers: Workers, resources: dict[str, float], expected: tuple[int, dict[str, float]]
) -> None:
    assert ray_pipeline._plan(workers, resources) == expected


@pytest.mark.parametrize("workers", [Workers(cores=9), Workers(gpu=True)])
def test_a_cluster_without_room_for_a_worker_is_refused(workers: Workers) -> None:
    with pytest.raises(ConfigError, match="the cluster has 8 cores and 0 GPUs, and a worker needs"):
        ray_pipeline._plan(workers, CORES)


@pytest.fixture
def ray_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience with a busy machine, and little memory."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_worker_register_timeout_seconds", "900")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv("RAY_DEFAULT_OBJECT_STORE_MEMORY_MAX_BYTES", str(200 * 1024**2))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """6,000 reports in one file: six parts."""
    rows = [{"id": n, "text": " ".join(SENTENCES[n % 3 :]) + f" N{n}.", "n": n} for n in range(6000)]
    return write(tmp_path / "r.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def command(checkpoint: Path, file: Path, out: Path, *options: str) -> list[str]:
    parts = [sys.executable, "-m", "conflict_ner", "tag", checkpoint, file, "-o", out, "--device", "cpu", *options]
    return [*map(str, parts)]


def wait_for_parts(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    while len(list(folder.glob("*.jsonl"))) < count:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)


def workers_of(process: subprocess.Popen[str]) -> Iterator[int]:
    """The workers that tag, of the Ray that a process has started."""
    session = os.getsid(process.pid)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            name = (folder / "cmdline").read_bytes()
            if name.startswith(b"ray::MapWorker(MapBatches(_Worker))") and os.getsid(int(folder.name)) == session:
                yield int(folder.name)


@pytest.mark.cluster
@pytest.mark.usefixtures("ray_settings")
def test_a_killed_worker_costs_no_report(tmp_path: Path, checkpoint_folder: Path, archive: Path) -> None:
    plain, out = tmp_path / "plain.parquet", tmp_path / "out.parquet"
    subprocess.run(command(checkpoint_folder, archive, plain), check=True, capture_output=True)
    tagging = command(checkpoint_folder, archive, out, "--ray", "local", "--workers", "2")
    process = subprocess.Popen(
        tagging, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for_parts(Path(f"{out}.parts"), 1, process)
    victim = next(workers_of(process))
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate(timeout=1200)
    assert process.returncode == 0, err
    assert "tagged 6,000 reports" in err
    assert pq.read_table(out).equals(pq.read_table(plain))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.parquet", "plain.parquet", "r.jsonl"]


@pytest.mark.cluster
@pytest.mark.usefixtures("ray_settings")
def test_a_killed_job_is_resumed(tmp_path: Path, checkpoint_folder: Path, archive: Path) -> None:
    plain, out = tmp_path / "plain.csv", tmp_path / "out.csv"
    subprocess.run(command(checkpoint_folder, archive, plain), check=True, capture_output=True)
    tagging = command(checkpoint_folder, archive, out, "--ray", "local", "--workers", "1")
    process = subprocess.Popen(
        tagging, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for_parts(Path(f"{out}.parts"), 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = subprocess.run([*tagging, "--resume"], check=False, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert "tagged 6,000 reports" in done.stderr
    assert "of them before the interruption" in done.stderr
    assert out.read_bytes() == plain.read_bytes()


@pytest.mark.cluster
@pytest.mark.usefixtures("ray_settings")
def test_a_worker_that_dies_again_and_again_ends_the_job(
    tmp_path: Path, checkpoint_folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that kills whoever tags it, as one would that a library cannot stand."""
    write(
        tmp_path / "site" / "sitecustomize.py",
        """if True:
        import os
        from conflict_ner.inference.tagger import Tagger
        stream = Tagger.stream
        def tag(self, texts):
            texts = list(texts)
            if any("N3000." in text for text in texts):
                os.kill(os.getpid(), 9)
            return stream(self, texts)
        Tagger.stream = tag
        """,
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{os.environ.get('PYTHONPATH', '')}")
    out = tmp_path / "out.csv"
    tagging = command(checkpoint_folder, archive, out, "--ray", "local", "--workers", "1")
    done = subprocess.run(tagging, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 3, done.stderr
    assert "error: more than 4 workers have died, each while it tagged the part 000000-000002.jsonl" in done.stderr
    assert "reports 2048 to 3071; perhaps a machine has too little memory" in done.stderr
    assert "the same command with --resume goes on" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.cluster
@pytest.mark.usefixtures("ray_settings")
def test_a_pipeline_of_ones_own(tmp_path: Path, checkpoint_folder: Path, archive: Path) -> None:
    """What docs/cluster.md shows."""
    code = f"""if True:
        import ray
        from conflict_ner import Tag
        ray.init("local", num_cpus=2, include_dashboard=False)
        reports = ray.data.read_json({str(archive)!r})
        tag = Tag({str(checkpoint_folder)!r}, device="cpu")
        tagged = reports.map_batches(tag, batch_format="pyarrow", batch_size=1024)
        print(tagged.schema())
        tagged.write_parquet({str(tmp_path / "tagged")!r})
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr[-3000:]
    table = pq.read_table(tmp_path / "tagged")
    assert sorted(table.column("id").to_pylist()) == list(range(6000))
    assert all(entities for entities in table.column("entities").to_pylist())
