"""The command as shells run it: closed, full or broken streams, and an ASCII locale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX shells")
COMMANDS = ("check", "convert", "train", "evaluate", "compare", "export", "tag", "agree", "benchmark")


def shell(script: str, *arguments: object, **environment: str) -> tuple[int, str, str]:
    """Run a line of shell in which "$@" is `conflict-ner` with the arguments."""
    command = ["bash", "-c", script, "bash", sys.executable, "-m", "conflict_ner", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, check=False, env={**os.environ, **environment}, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_no_command_breaks_where_a_stream_is_closed_or_full(streams: str) -> None:
    script = "; ".join(f'"$@" {command} --help {streams}; echo code $? >&9' for command in ("tag", "train"))
    code, out, err = shell(f"exec 9>&1; {script}")
    expected = 3 if ">&-" in streams.split() or ">/dev/full" in streams.split() else 0
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("code")] == 2 * [f"code {expected}"]
    lines = [line for line in err.splitlines() if line]
    assert all(line.startswith("error: standard output: ") for line in lines)
    assert len(lines) == (0 if "2>" in streams or not expected else 2)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_reports_that_its_output_is_closed(command: str) -> None:
    code, _, err = shell('"$@" >&-', command, "--help")
    assert (code, err.splitlines()) == (
        3,
        ["error: standard output: is closed, so the results cannot be printed; redirect it to a file or to /dev/null"],
    )


def test_messages_are_not_mixed_with_results_where_standard_error_is_closed(reports_file: Path) -> None:
    code, out, err = shell('"$@" 2>&-', "check", reports_file, "--json")
    assert (code, json.loads(out)["ok"], err) == (0, True, "")
    assert shell('"$@" 2>&-', "check", reports_file / "no") == (1, "", "")


def test_a_file_does_not_get_what_is_printed_where_a_stream_is_closed(tmp_path: Path, reports_file: Path) -> None:
    for streams in ("2>&-", ">&-", "<&- >&- 2>&-", "2>/dev/full"):
        out = tmp_path / "r.jsonl"
        assert shell(f'"$@" {streams}', "convert", reports_file, out)[0] == 0
        assert [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()] == [
            "t-1",
            "t-2",
            "t-3",
        ]
        out.unlink()


def test_a_reader_that_ends_early_is_no_error_message(reports_file: Path) -> None:
    code, _, err = shell('"$@" | true; exit ${PIPESTATUS[0]}', "check", reports_file, "--json")
    assert (code, err) == (141, "")
    code, _, err = shell('set -o pipefail; "$@" | head -1', "check", reports_file, "--markdown")
    assert (code in (0, 141), err) == (True, "")


def test_a_full_disk_is_one_line(reports_file: Path) -> None:
    assert shell('"$@" > /dev/full', "check", reports_file, "--json") == (
        3,
        "",
        "error: standard output: No space left on device\n",
    )


def test_an_output_may_be_the_standard_output(tmp_path: Path, reports_file: Path) -> None:
    target = tmp_path / "fd.jsonl"
    target.symlink_to("/dev/stdout")
    code, out, _ = shell('"$@" | cat', "convert", reports_file, target)
    assert (code, len(out.splitlines())) == (0, 3)
    log = tmp_path / "log"
    log.write_text("first\n", encoding="utf-8")
    assert shell(f'"$@" >> {log}', "convert", reports_file, target)[0] == 0
    assert len(log.read_text(encoding="utf-8").splitlines()) == 4  # appended to, not replaced


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_names_in_any_script_are_read_and_written_in_an_ascii_locale(
    locale: str, tmp_path: Path, reports_file: Path
) -> None:
    source, target = tmp_path / "\u043e\u0442\u0447\u0451\u0442.md", tmp_path / "\u8868.jsonl"
    source.write_bytes(reports_file.read_bytes())
    environment = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, _, err = shell('"$@"', "convert", source, target, **environment)
    assert (code, err) == (0, f"read as markup: its ending is .md\n3 reports written to {target} as JSONL\n")
    assert target.is_file()
    source.write_text("=== a\n\n[Goma", encoding="utf-8")
    code, _, err = shell('"$@"', "check", source, **environment)
    assert (code, f"{source}:3:1" in err) == (1, True)


def test_an_interruption_is_one_line(tmp_path: Path) -> None:
    code = """if True:
        import os, signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
        from conflict_ner.cli import data, main
        data._select_data = lambda *_: os.kill(os.getpid(), signal.SIGINT)
        sys.argv = ["conflict-ner", "check", "x"]
        main.main()
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_an_interruption_while_modules_are_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert shell('"$@"', "check", "x", PYTHONPATH=path) == (130, "", "interrupted\n")


def test_a_score_that_cannot_be_printed_is_not_computed(tmp_path: Path, checkpoint_folder: Path) -> None:
    for command in ("evaluate", "compare"):
        code, _, err = shell('"$@" >&-', command, checkpoint_folder, tmp_path / "no such data")
        assert (code, err.startswith("error: standard output: is closed")) == (3, True)
