"""A Tagger between threads and processes: shared, pickled, copied, spawned and forked; and Python with -OO."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from conflict_ner.data.document import Entity
from conflict_ner.errors import CheckpointError, ConfigError, DataError, Problem
from conflict_ner.inference.tagger import Tagger
from helpers.encoders import SENTENCES
from helpers.service import running


@pytest.fixture(params=["checkpoint_folder", "onnx_folder"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the checkpoint, in either form, that a test may change."""
    source: Path = request.getfixturevalue(request.param)
    return shutil.copytree(source, tmp_path / "model")


def spans(entities: list[Entity]) -> list[tuple[str, int, int, str]]:
    """Without scores, whose last bit depends on the other texts of a batch in PyTorch."""
    return [(entity.label, entity.start, entity.end, entity.text) for entity in entities]


def tag_in_child(tagger: Tagger) -> list[list[Entity]]:
    return tagger.tag(SENTENCES)


def test_pickled_and_copied_taggers_tag_the_same(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tagger = Tagger.load("model", "cpu", {"ACTOR": 0.5}, "fp32")  # relative: another process has another folder
    pickled = pickle.dumps(tagger)
    assert len(pickled) < 10_000
    monkeypatch.chdir("/")
    for other in (pickle.loads(pickled), copy.deepcopy(tagger), copy.copy(tagger)):
        assert other.tag(SENTENCES) == tagger.tag(SENTENCES)
        assert other.thresholds == {"ACTOR": 0.5}
        other.thresholds["ACTOR"] = 1.0
    assert tagger.thresholds == {"ACTOR": 0.5}


def test_a_spawned_process_tags(checkpoint_folder: Path, onnx_folder: Path) -> None:
    taggers = [Tagger.load(folder, "cpu", precision="fp32") for folder in (checkpoint_folder, onnx_folder)]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for tagger in taggers:
            assert pool.submit(tag_in_child, tagger).result() == tagger.tag(SENTENCES)


def test_sixteen_threads_share_a_tagger(folder: Path) -> None:
    tagger = Tagger.load(folder, "cpu")
    texts = [*SENTENCES, "", " ".join(SENTENCES)]
    expected = [spans(tagger.tag(text)) for text in texts]
    together = threading.Barrier(16)

    def tag(first: int) -> None:
        together.wait(60)
        rotated = texts[first % len(texts) :] + texts[: first % len(texts)]
        found = dict(zip(rotated, tagger.tag(rotated), strict=True))
        assert [spans(found[text]) for text in texts] == expected
        assert [spans(tagger.tag(text)) for text in texts] == expected

    with ThreadPoolExecutor(16) as pool:
        for result in [pool.submit(tag, first) for first in range(16)]:
            result.result(120)


def test_the_service_finds_what_the_tagger_does(folder: Path) -> None:
    pytest.importorskip("fastapi", reason="the service was not tested: fastapi (the extra serve) is not installed")
    tagger = Tagger.load(folder, "cpu", values=True)
    texts = [*SENTENCES, "", f"\U0001f4a3 {SENTENCES[0]}", "\n\n".join(SENTENCES * 20)]  # the last has many windows
    with running(tagger) as client, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda text: client.post("/tag", {"text": text}).json["entities"], texts)
        for text, entities in zip(texts, answers, strict=True):
            found = [(each["label"], each["start"], each["end"], each["text"]) for each in entities]
            assert found == spans(tagger.tag(text))
            assert all(text[start:end] == words for _, start, end, words in found)
        [number] = [each for each in client.post("/tag", {"text": SENTENCES[0]}).json["entities"] if each["value"]]
        assert (number["low"], number["kind"]) == (19, None)


ONLY_THESE_PACKAGES = """
import importlib.abc, importlib.metadata, re, sys

def canonical(name):
    return re.sub("[-_.]+", "-", name).lower()

*_, folder, requirements = sys.argv
lines = open(requirements).read().splitlines()
allowed = {canonical(line) for line in lines if not line.startswith("#")} | {"conflict-ner"}
owners = importlib.metadata.packages_distributions()

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in owners and not allowed & set(map(canonical, owners[name])):
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Absent())
from conflict_ner import Tagger
from conflict_ner.inference.service import server  # as the command imports it
from conflict_ner.cli import main
from helpers.service import running
with running(Tagger.load(folder, values=True)) as client:
    print(len(client.post("/tag", {"text": "At least 19 fighters died near El Fasher."}).json["entities"]))
"""


def test_the_packages_of_the_image_suffice_to_serve(onnx_folder: Path) -> None:
    pytest.importorskip("fastapi", reason="the service was not tested: fastapi (the extra serve) is not installed")
    root = Path(__file__).parents[2]
    names = [line for line in (root / "docker/requirements.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = (root / "constraints.txt").read_text().lower()
    assert [name for name in names if f"\n{name.lower()}==" not in pinned] == []
    command = [sys.executable, "-c", ONLY_THESE_PACKAGES, str(onnx_folder), str(root / "docker/requirements.txt")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "tests"), *sys.path])}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert process.stdout.strip() == "3", process.stderr


FORK = """
import multiprocessing, sys
from conflict_ner import Tagger
for folder in sys.argv[1:]:
    tagger = Tagger.load(folder, "cpu")
    texts = ["At least 19 fighters died in a drone strike near El Fasher."] * 200
    found = tagger.tag(texts)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for other in pool.map_async(tagger.tag, [texts, texts]).get(60):
            assert other == found
    queue = multiprocessing.get_context("fork").SimpleQueue()
    child = multiprocessing.get_context("fork").Process(target=lambda: queue.put(tagger.tag(texts)))
    child.start()
    child.join(60)
    print(child.exitcode, queue.get() == found)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_tags_though_its_parent_has(checkpoint_folder: Path, onnx_folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    # ONNX first: its processes are then forked from one without PyTorch, as they would be alone.
    command = [sys.executable, "-c", FORK, str(onnx_folder), str(checkpoint_folder)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert process.stdout.split() == ["0", "True"] * 2, process.stderr


def test_a_folder_that_has_changed_is_refused(folder: Path) -> None:
    tagger = Tagger.load(folder, "cpu", precision="fp32")
    pickled = pickle.dumps(tagger)
    tokenizer = folder / "tokenizer.json"
    tokenizer.touch()  # the same content, as in a copy on another machine
    pickle.loads(pickled)
    tokenizer.write_text(tokenizer.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(CheckpointError, match="model has changed since this Tagger was pickled; load it again"):
        pickle.loads(pickled)
    with pytest.raises(CheckpointError, match="model has changed since this Tagger was loaded from it"):
        pickle.dumps(tagger)


def test_a_folder_that_is_gone_is_named(folder: Path) -> None:
    tagger = Tagger.load(folder, "cpu", precision="fp32")
    pickled = pickle.dumps(tagger)
    shutil.rmtree(folder)
    with pytest.raises(CheckpointError, match=r"model: no such checkpoint folder; a pickled Tagger loads"):
        pickle.loads(pickled)
    with pytest.raises(CheckpointError, match="No such file or directory; a Tagger was loaded from it"):
        pickle.dumps(tagger)


def test_errors_are_pickled_with_their_problems() -> None:
    problem = Problem("a.md:1", "no text", "write it")
    for error in (DataError([problem]), ConfigError("run.yaml", [problem]), CheckpointError("gone")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)


def test_commands_work_without_docstrings_and_assertions(
    checkpoint_folder: Path, reports_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(SENTENCES[0], encoding="utf-8")
    code = (
        "import sys; from conflict_ner.cli.main import app; checkpoint, text, data = sys.argv[1:]\n"
        "for arguments in ['tag', checkpoint, text], ['evaluate', checkpoint, data, '--markdown'], ['--help']:\n"
        "    app(arguments, prog_name='conflict-ner', standalone_mode=False)"
    )
    command = [sys.executable, "-OO", "-c", code, checkpoint_folder, tmp_path / "a.txt", reports_file]
    # Its bytecode is that of no other process: if it were not written, this test would compile PyTorch each time.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert '"label": "WEAPON"' in process.stdout
    assert "| **100.0** |" in process.stdout
    assert "conflict-ner [OPTIONS]" in process.stdout
