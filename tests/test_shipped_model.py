"""The model that comes with the package: what it is, and that a wheel holds it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from conflict_ner import Tagger
from conflict_ner.checkpoint import ONNX_WEIGHTS, SHIPPED_MODEL, Checkpoint
from conflict_ner.files import sha256

ROOT = Path(__file__).parents[1]
MOST_BYTES = 25_000_000
REPORT = "At least 19 fighters died in a drone strike near El Fasher."
HAS_MODEL = SHIPPED_MODEL.is_dir()
needs_model = pytest.mark.skipif(not HAS_MODEL, reason=f"{SHIPPED_MODEL.relative_to(ROOT)} holds no model")


@needs_model
def test_the_model_is_small_complete_and_in_onnx_form() -> None:
    assert sum(file.stat().st_size for file in SHIPPED_MODEL.rglob("*")) <= MOST_BYTES
    manifest = Checkpoint.load(SHIPPED_MODEL).manifest
    assert manifest.exported is not None
    assert (manifest.weights, manifest.exported.precision) == (ONNX_WEIGHTS, "int8")
    assert manifest.weights_sha256 == sha256(SHIPPED_MODEL / ONNX_WEIGHTS)


@needs_model
def test_no_file_of_the_model_names_a_path_of_a_machine() -> None:
    for name in ("manifest.json", "config.json", "run.yaml", "README.md", "tokenizer_config.json"):
        text = (SHIPPED_MODEL / name).read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.:/])(/\w+/|[A-Z]:\\|~/)", text), name


@needs_model
def test_the_model_tags_and_reads_values() -> None:
    tagger = Tagger.load(values=True)
    assert tagger.checkpoint.folder == SHIPPED_MODEL
    found = {entity.text: entity for entity in tagger.tag(REPORT)}
    number = found["At least 19"]
    assert (number.label.partition(".")[0], number.value and number.value.low) == ("NUMBER", 19)
    assert found["El Fasher"].label == "LOCATION"


@needs_model
@pytest.mark.parametrize(
    ("sentence", "kinds"),
    [
        ("3 dead, 27 missing after boat capsizes.", {"3": "killed", "27": "missing"}),
        ("Seven fishermen remain missing; four bodies were found.", {"Seven": "missing", "four": "killed"}),
        ("Some 90 passengers are missing, 25 bodies have been recovered.", {"Some 90": "missing", "25": "killed"}),
        ("Gunmen abducted 9 aid workers; 14 people were wounded.", {"9": "detained", "14": "injured"}),
        ("Police arrested 14 suspects; 300 families fled.", {"14": "detained", "300": "displaced"}),
        ("200 soldiers are missing in action, 15 were captured.", {"200": "missing", "15": "detained"}),
    ],
)
def test_the_model_tells_the_missing_from_the_detained(sentence: str, kinds: dict[str, str]) -> None:
    """It once took all of them for detained, and no score showed it: validation and test have six missing in all."""
    found = {entity.text: entity.label for entity in Tagger.load().tag(sentence) if entity.label.startswith("NUMBER")}
    assert found == {number: f"NUMBER.{kind}" for number, kind in kinds.items()}


@pytest.mark.skipif(os.name != "posix", reason="the folders of an environment are called as on POSIX")
def test_an_installed_wheel_tags_with_its_model(tmp_path: Path) -> None:
    """Build a wheel, install it into a fresh environment, and run its command in another folder."""
    pytest.importorskip("hatchling")
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path], ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    fresh = tmp_path / "fresh"
    venv.create(fresh, symlinks=True)
    (packages,) = fresh.glob("lib/python*/site-packages")
    # The dependencies of this environment, without its own conflict_ner if that is an editable one.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", fresh / "bin" / "python"]
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
    run([*pip, "install", *options, wheel], tmp_path)

    (tmp_path / "report.txt").write_text(REPORT, encoding="utf-8")
    done = run([fresh / "bin" / "conflict-ner", "tag", "report.txt"], tmp_path, expected=0 if HAS_MODEL else 3)
    if not HAS_MODEL:
        installed = packages / SHIPPED_MODEL.relative_to(ROOT / "train")
        assert f"this package was built without its model ({installed} is missing)" in done.stderr
        return
    assert "using the model small" in done.stderr
    assert "El Fasher" in [entity["text"] for entity in json.loads(done.stdout)["entities"]]
    script = (
        "import json, sys, conflict_ner; found = conflict_ner.Tagger.load().tag(sys.argv[1]); "
        "print(json.dumps([conflict_ner.__file__, [e.text for e in found], "
        "[name for name in ('torch', 'transformers') if name in sys.modules]]))"
    )
    done = run([fresh / "bin" / "python", "-c", script, REPORT], tmp_path)
    module, texts, heavy = json.loads(done.stdout)
    assert (Path(module).parent, heavy) == (packages / "conflict_ner", [])
    assert "El Fasher" in texts


def run(command: list[str | Path], folder: Path, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command; the environment it runs in is its own, not that of the tests, except where it is the builder."""
    environment = {**os.environ}
    if Path(command[0]) != Path(sys.executable):
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stderr
    return done
