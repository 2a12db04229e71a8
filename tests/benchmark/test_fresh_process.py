"""Fresh processes: the cost that is measured, and the error when one fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest
from conflict_ner.benchmark import fresh_process
from conflict_ner.benchmark.fresh_process import peak_memory, run_fresh_process, write_texts
from conflict_ner.benchmark.systems import FoundMention, System, TagTexts
from conflict_ner.errors import BenchmarkError

TEXT = "At least 19 fighters died in a drone strike near El Fasher.\u2028 Nobody was hurt."


def test_a_fresh_process_returns_its_time_and_memory(checkpoint_folder: Path, tmp_path: Path) -> None:
    file = write_texts([TEXT, "Nobody was hurt."], tmp_path / "texts")
    ticks = count(0.0, 3.0)
    cost = run_fresh_process(System("tagger", "ours", str(checkpoint_folder)), file, 5, clock=lambda: next(ticks))
    assert cost.first == 3.0  # on our clock: read when the process starts and when it has its first report
    assert cost.seconds > 0
    assert cost.memory > 50_000_000  # PyTorch alone
    assert cost.gpu_memory is None


def test_a_process_that_fails_is_an_error_with_its_last_line(tmp_path: Path) -> None:
    file = write_texts([TEXT], tmp_path / "texts")
    with pytest.raises(BenchmarkError, match=r"ours failed in a process of its own: .*no such checkpoint folder"):
        run_fresh_process(System("tagger", "ours", str(tmp_path / "none")), file, 0)


@pytest.mark.parametrize(("reports", "counts"), [(0, [1]), (5, [1, 5])])
def test_the_texts_come_in_turn_and_from_a_generator(
    reports: int,
    counts: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[list[str]] = []

    def tag(texts: Iterable[str]) -> Iterator[list[FoundMention]]:
        assert len(seen) == 0 or not isinstance(texts, list)
        seen.append([])
        for text in texts:
            seen[-1].append(text)
            yield []

    def open_system(_: System) -> TagTexts:
        return tag

    monkeypatch.setattr(System, "open", open_system)
    fresh_process._measure(System("spacy", "x"), write_texts(["a", TEXT], tmp_path / "texts"), reports)
    assert [len(texts) for texts in seen] == counts
    assert seen[-1] == ["a", TEXT, "a", TEXT, "a"][: counts[-1]]
    first, facts = capsys.readouterr().out.splitlines()
    assert first == "first"
    assert set(json.loads(facts)) == {"seconds", "memory", "gpu_memory"}


def test_the_memory_is_that_of_the_process_and_not_of_its_parent() -> None:
    ballast = bytearray(b"x") * 300_000_000
    code = "from conflict_ner.benchmark.fresh_process import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert peak_memory() > len(ballast)
    assert 1_000_000 < int(done.stdout) < 100_000_000


def test_a_fresh_process_imports_only_what_its_system_needs() -> None:
    code = "import sys; from conflict_ner.benchmark import fresh_process; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "numpy", "pydantic", "rich", "typer"} & set(done.stdout.split())
