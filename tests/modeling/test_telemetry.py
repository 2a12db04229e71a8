"""No command uses the network or writes to the home folder, whatever the libraries do by default."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import conflict_ner
import pytest
from conflict_ner.config import dump_config
from helpers import no_network
from helpers.runs import make_config

KILLED = -signal.SIGSYS
watched = pytest.mark.skipif(not no_network.SUPPORTED, reason="NOT WATCHED: no rule about sockets on this system")


def start(home: Path, code: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Run Python code as a new user would, with the network forbidden where the system can do that.

    Only the necessary variables of the environment are kept: variables such as CI silence telemetry too.
    """
    home.mkdir(exist_ok=True)
    guard = [sys.executable, no_network.__file__] if no_network.SUPPORTED else []
    packages = [str(Path(conflict_ner.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {
        **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ},
        **{name: str(home) for name in ("HOME", "USERPROFILE", "LOCALAPPDATA")},
        "PYTHONPATH": os.pathsep.join(filter(None, packages)),
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    command = [*guard, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(home: Path, code: str, *arguments: object, **variables: str) -> str:
    """Run code as `start` does to its end; return its output. It must succeed."""
    with start(home, code, *arguments, **variables) as process:
        output, _ = process.communicate()
    assert process.returncode != KILLED, f"a socket was opened; look with strace -f -e trace=network\n{output}"
    assert process.returncode == 0, output
    return output


def files_in(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


@watched
def test_the_network_guard_sees_native_code_and_child_processes(tmp_path: Path) -> None:
    lookup = "import socket; socket.getaddrinfo('conflict-ner.invalid', 443)"
    with start(tmp_path, lookup) as process:
        process.communicate()
    assert process.returncode == KILLED
    child = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', sys.argv[1]]).returncode)"
    assert run(tmp_path, child, lookup).strip() == str(KILLED)
    assert run(tmp_path, "import socket; socket.socket(socket.AF_UNIX); print('allowed')") == "allowed\n"


LOAD_AND_WAIT = """
import sys, time
from conflict_ner import Tagger
Tagger.load(sys.argv[1]).tag("Police left Goma.")
time.sleep(float(sys.argv[2]))
"""
WAIT = 14  # seconds; the first lookup comes after nine


@pytest.fixture(scope="module")
def waiting(onnx_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, subprocess.Popen[str]]]:
    """Two processes that load an export and wait, by their home folders: with telemetry off and on.

    They wait while other tests of this file run.
    """
    quiet, other = (tmp_path_factory.mktemp(name) for name in ("quiet", "other"))
    with (
        start(quiet, LOAD_AND_WAIT, onnx_folder, WAIT) as first,
        start(other, LOAD_AND_WAIT, onnx_folder, WAIT, ORT_DISABLE_TELEMETRY="0") as second,
    ):
        yield {quiet: first, other: second}


COMMANDS = """
import json, sys
from conflict_ner.benchmark import roofline
from conflict_ner.cli.main import app
from conflict_ner.export import checkpoint_writer, verify
roofline.TOKENS, roofline.TURN_SECONDS = (8,), 0.0
in_fresh_process, checkpoint_writer._verify_in_fresh_process = checkpoint_writer._verify_in_fresh_process, verify.verify
for arguments in json.loads(sys.argv[1]):
    print("$ conflict-ner", *arguments, flush=True)
    app(arguments, standalone_mode=False)
    # What train verifies is watched in this process, which has imported all; the export starts one of its own.
    checkpoint_writer._verify_in_fresh_process = in_fresh_process
"""


@pytest.mark.usefixtures("waiting")  # so that their waiting costs no time
def test_no_command_uses_the_network_or_leaves_a_file_in_the_home_folder(
    tmp_path: Path, encoder_folder: Path, reports_file: Path
) -> None:
    for needed in ("onnx", "onnxruntime", "onnxscript", "matplotlib", "jinja2"):
        pytest.importorskip(needed)
    # MLflow is not among them: its import opens a socket on the loopback address (urllib3 looks whether there is IPv6).
    trackers = ["tensorboard"] if find_spec("tensorboard") else []
    config = make_config(tmp_path, encoder_folder, reports_file, epochs=1, report_to=trackers)
    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    (tmp_path / "a.txt").write_text("Police left Goma.", encoding="utf-8")
    model, exported = config.output, tmp_path / "exported"
    commands: list[list[object]] = [
        ["train", tmp_path / "run.yaml"],
        ["tag", model, tmp_path / "a.txt", "--html", tmp_path / "a.html", "-o", tmp_path / "a.jsonl"],
        ["evaluate", model, reports_file, "--html", tmp_path / "report.html"],
        ["export", model, exported, "--format", "onnx", "--data", reports_file],
        ["tag", exported, tmp_path / "a.txt"],
        ["compare", model, exported, reports_file],
        ["benchmark", exported, reports_file, "--rounds", "1", "--reports", "3", "--no-cold"],
    ]
    run(tmp_path / "home", COMMANDS, json.dumps([[str(argument) for argument in command] for command in commands]))
    assert files_in(tmp_path / "home") == []
    assert (exported / "model.onnx").is_file()


def reports_by_default() -> bool:
    """Whether the ONNX Runtime that is installed has telemetry: a build from a distribution may lack it."""
    return tuple(map(int, metadata.version("onnxruntime").split(".")[:2])) >= (1, 29)


def test_a_loaded_export_stays_quiet_and_would_not_if_it_were_asked_to_report(
    waiting: dict[Path, subprocess.Popen[str]],
) -> None:
    (quiet_home, quiet), (other_home, other) = waiting.items()
    output, _ = quiet.communicate()
    other.communicate()
    assert quiet.returncode == 0, output
    assert files_in(quiet_home) == []
    if reports_by_default() and no_network.SUPPORTED:
        assert other.returncode == KILLED
        assert any(name.endswith("deviceid") for name in files_in(other_home))


def test_a_spawned_process_stays_quiet_whatever_it_imports_first(onnx_folder: Path, tmp_path: Path) -> None:
    code = (
        "import conflict_ner, subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import onnxruntime'], check=True)"
    )
    run(tmp_path, code)
    assert files_in(tmp_path) == []


def test_an_onnxruntime_that_was_imported_first_is_a_warning(onnx_folder: Path, tmp_path: Path) -> None:
    code = "import onnxruntime, sys; from conflict_ner import Tagger; Tagger.load(sys.argv[1])"
    output = run(tmp_path, code, onnx_folder)
    if reports_by_default():
        assert "TelemetryWarning: onnxruntime" in output
        assert "Import conflict_ner first, or set ORT_DISABLE_TELEMETRY=1" in output
    assert "TelemetryWarning" not in run(tmp_path, code, onnx_folder, ORT_DISABLE_TELEMETRY="1")
    assert "TelemetryWarning" not in run(tmp_path, code, onnx_folder, ORT_DISABLE_TELEMETRY="0")  # telemetry is wanted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "1 1 1"),
        ({"ORT_DISABLE_TELEMETRY": ""}, "1 1 1"),
        ({"ORT_DISABLE_TELEMETRY": "0"}, "0 1 1"),
        ({"HF_HUB_DISABLE_TELEMETRY": "false"}, "1 false 1"),
        ({"ORT_DISABLE_TELEMETRY": "yes", "MLFLOW_DISABLE_TELEMETRY": "false"}, "1 1 false"),
    ],
)
def test_importing_the_package_switches_telemetry_off_unless_it_is_asked_for(
    before: Mapping[str, str], after: str, tmp_path: Path
) -> None:
    names = [f"{library}_DISABLE_TELEMETRY" for library in ("ORT", "HF_HUB", "MLFLOW")]
    code = "import conflict_ner, os, sys; print(*(os.environ[name] for name in sys.argv[1:]))"
    assert run(tmp_path, code, *names, **before).strip() == after


def test_onnxruntime_is_imported_in_one_place() -> None:
    package = Path(conflict_ner.__file__).parent
    importing = re.compile(r"^\s*(?:import|from) onnxruntime\b", re.MULTILINE)
    files = [file.name for file in package.rglob("*.py") if importing.search(file.read_text(encoding="utf-8"))]
    assert files == ["telemetry.py"]
