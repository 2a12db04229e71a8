"""Tagging files: what cannot be read is reported, and the other reports are tagged."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conflict_ner.data.document import Entity
from conflict_ner.errors import ConfigError, Problem
from conflict_ner.inference import predictor as prediction
from conflict_ner.inference.files.sources import STDIN, Source
from conflict_ner.inference.files.tag_files import Tagged, tag_files
from conflict_ner.inference.runtime import Ids, Logits, Runtime
from conflict_ner.inference.tagger import Tagger
from helpers.archives import CapitalTagger, standard_input, tag_archive, write
from helpers.encoders import SENTENCES


def complain(problem: Problem) -> None:
    raise AssertionError(problem)


def test_a_text_that_is_half_a_character_is_reported_and_the_rest_goes_on(tmp_path: Path, tagger: Tagger) -> None:
    # "\ud800" is valid JSON, and what programs write that cut texts in UTF-16; no encoder can read it.
    file = write(tmp_path / "r.jsonl", '{"id": "1", "text": "Goma \\ud83d"}\n{"id": "2", "text": "Goma"}\n')
    problems: list[Problem] = []
    assert [tagged.source.id for tagged in tag_files(tagger, [file], problems.append)] == ["2"]
    assert [problem.where for problem in problems] == [f"{file}:1"]


def test_metadata_is_passed_through(tmp_path: Path, tagger: Tagger) -> None:
    row = {"id": "a", "theatre": "Kivu", "date": {"year": 2024}, "text": "Goma", "entities": ["old"], "tags": [1, None]}
    (tagged,) = tag_files(tagger, [write(tmp_path / "r.jsonl", json.dumps(row))], complain)
    record = tagged.to_record()
    assert {key: record[key] for key in ("id", "theatre", "date", "text", "tags")} == {
        key: row[key] for key in ("id", "theatre", "date", "text", "tags")
    }
    assert "old" not in record["entities"]


def test_each_text_comes_with_its_own_entities_in_order(tmp_path: Path, tagger: Tagger) -> None:
    texts = [*SENTENCES, "", SENTENCES[0]] * 50  # more than are read at a time
    rows = [json.dumps({"id": number, "text": text}) for number, text in enumerate(texts)]
    files = [write(tmp_path / "r.jsonl", "\n".join(rows)), write(tmp_path / "last.txt", SENTENCES[0])]
    tagged = list(tag_files(tagger, files, complain))
    assert [item.source.text for item in tagged] == [*texts, SENTENCES[0]]
    assert [item.source.id for item in tagged] == [*range(len(texts)), str(files[1])]
    for item in tagged:
        assert all(item.source.text[entity.start : entity.end] == entity.text for entity in item.entities)
    assert [(entity.label, entity.text) for entity in tagged[-1].entities][-1] == ("LOCATION", "El Fasher")


def test_standard_input_is_tagged(monkeypatch: pytest.MonkeyPatch, tagger: Tagger) -> None:
    standard_input(monkeypatch, SENTENCES[0].encode())
    (tagged,) = tag_files(tagger, [STDIN], complain)
    assert tagged.entities == tagger.tag(SENTENCES[0])


def test_files_are_read_as_they_are_tagged(tmp_path: Path, tagger: Tagger) -> None:
    opened: list[str] = []

    def paths() -> Iterator[Path]:
        for number in range(4000):
            opened.append(str(number))
            yield write(tmp_path / f"{number}.txt", "Goma")

    next(iter(tag_files(tagger, paths(), complain)))
    assert 0 < len(opened) < 4000


def test_a_record_is_json_with_entities_that_slice_its_text(tagger: Tagger) -> None:
    text = SENTENCES[0]
    record: dict[str, Any] = json.loads(json.dumps(Tagged(Source("a", text), tagger.tag(text)).to_record()))
    assert list(record) == ["id", "text", "entities"]
    assert record["entities"]
    for entity in record["entities"]:
        assert list(entity) == ["label", "text", "start", "end", "score"]
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert 0 <= entity["score"] <= 1


KINDS = ("", " \n", "Goma", "Goma fell, Beni too.", "word " * 300 + "Kivu", None)


def archive(folder: Path, kinds: list[str | None], seed: int) -> list[Path]:
    """The same reports as JSONL, CSV and Parquet, each with its number as id; None is a row without a text."""
    rows = [{"id": n, "text": None if kind is None else f"{kind} N{seed}x{n}"} for n, kind in enumerate(kinds)]
    with_text = [row for row in rows if row["text"] is not None]
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerows([["id", "text"], *([row["id"], row["text"]] for row in with_text)])
    table = pa.table({"id": [row["id"] for row in rows], "text": pa.array([row["text"] for row in rows], pa.string())})
    pq.write_table(table, folder / "c.parquet", row_group_size=17)
    return [
        write(folder / "a.jsonl.gz", gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())),
        write(folder / "b.csv", lines.getvalue()),
        folder / "c.parquet",
    ]


@pytest.mark.parametrize("seed", range(6))
def test_no_result_stands_beside_another_row(tmp_path: Path, seed: int, tagger: Tagger) -> None:
    dice = random.Random(seed)
    kinds = [dice.choice(KINDS[dice.randrange(3) :]) for _ in range(dice.randrange(1, 60))]
    kinds[dice.randrange(len(kinds))] = "many words " * 2000 if seed % 2 else ""
    files = archive(tmp_path, kinds, seed)
    expected = [(n, f"{kind} N{seed}x{n}") for n, kind in enumerate(kinds) if kind is not None]
    for tags in (CapitalTagger(dice.randrange(1, 30)), tagger) if seed < 3 else (CapitalTagger(dice.randrange(1, 30)),):
        problems: list[Problem] = []
        tagged = list(tag_files(tags, files, problems.append))
        assert [(int(t.source.id), t.source.text) for t in tagged] == 3 * expected
        assert len(problems) == 2 * sum(kind is None for kind in kinds)
        if isinstance(tags, CapitalTagger):  # each text has a word that no other has
            assert [t.entities[-1].text for t in tagged] == 3 * [f"N{seed}x{n}" for n, _ in expected]
        else:
            alone = {text: spans(tags.tag(text)) for _, text in expected}
            assert [spans(t.entities) for t in tagged] == [alone[t.source.text] for t in tagged]


def spans(entities: Sequence[Entity]) -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.label) for e in entities]


def test_a_tagger_that_loses_a_text_is_found_out(tmp_path: Path) -> None:
    class Loses(CapitalTagger):
        def stream(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
            return super().stream(text for n, text in enumerate(texts) if n != 3)

    with pytest.raises(AssertionError):
        list(tag_files(Loses(), archive(tmp_path, ["Goma fell " * n for n in range(9)], 0), complain))


def test_thousands_of_empty_reports_have_no_mentions(tmp_path: Path, tagger: Tagger) -> None:
    file = write(tmp_path / "r.csv", "id,text\n" + "".join(f"{n},\n" for n in range(3000)))
    tagged = list(tag_files(tagger, [file], complain))
    assert [t.source.id for t in tagged] == [str(n) for n in range(3000)]
    assert not any(t.entities for t in tagged)


def test_a_report_of_a_megabyte_stands_among_short_ones(tmp_path: Path, tagger: Tagger) -> None:
    texts = [SENTENCES[0], " . " * 350_000 + SENTENCES[0], "", SENTENCES[0]]
    file = write(tmp_path / "r.jsonl", "".join(json.dumps({"id": n, "text": t}) + "\n" for n, t in enumerate(texts)))
    tagged = list(tag_files(tagger, [file], complain))
    assert [(t.source.id, len(t.source.text)) for t in tagged] == [(n, len(text)) for n, text in enumerate(texts)]
    assert [bool(t.entities) for t in tagged] == [True, True, False, True]
    assert tagged[1].entities[-1].text == "El Fasher"
    assert spans(tagged[0].entities) == spans(tagged[3].entities) == spans(tagger.tag(SENTENCES[0]))


FORMS = ("out.jsonl", "out.csv", "out.parquet")


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_a_job_interrupted_anywhere_gives_the_output_of_an_undisturbed_one(
    tmp_path: Path, name: str, seed: int
) -> None:
    dice = random.Random(seed)
    files = archive(tmp_path, [dice.choice(KINDS) for _ in range(60)], seed)
    (tmp_path / "undisturbed").mkdir()
    problems = tag_archive(CapitalTagger(), files, tmp_path / "undisturbed" / name)
    stop = 0
    for _ in range(dice.randrange(1, 5)):
        stop += dice.randrange(30)
        with pytest.raises(KeyboardInterrupt):
            tag_archive(CapitalTagger(), files, tmp_path / name, resume=True, stop=stop)
    assert tag_archive(CapitalTagger(), files, tmp_path / name, resume=True) == problems
    assert (tmp_path / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


class ByBatch:
    """A runtime whose logits depend on the batch as a whole, as those of a GPU do in their last digits."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.padding, self.tie_margin, self.device = runtime, runtime.padding, 0.0, "cpu"
        self.batch_tokens, self.workers = 1024, 1

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        return self.runtime.logits(ids, mask) * np.float32(1 + mask.sum() % 101 / 100)

    logits_fp32 = logits

    def parallel(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def test_a_job_goes_on_with_the_batches_of_an_undisturbed_one(
    tmp_path: Path, tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "CHUNK", 8)
    predictor = tagger._predictor
    by_batch = Tagger(tagger.checkpoint, replace(predictor, runtime=ByBatch(predictor.runtime)))
    rows = [{"id": n, "text": " ".join(SENTENCES[: 1 + n * n % 5]) + " x" * (n % 7)} for n in range(60)]
    file = write(tmp_path / "r.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    tag_archive(by_batch, [file], tmp_path / "undisturbed.jsonl")
    for stop in (13, 27, 50):
        with pytest.raises(KeyboardInterrupt):
            tag_archive(by_batch, [file], tmp_path / "out.jsonl", resume=True, stop=stop)
        assert b"LOCATION" in (tmp_path / "out.jsonl.partial").read_bytes()
    tag_archive(by_batch, [file], tmp_path / "out.jsonl", resume=True)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "undisturbed.jsonl").read_bytes()


def test_inputs_that_hold_less_than_was_done_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "r.csv", "id,text\n" + 40 * "1,Goma\n")
    with pytest.raises(KeyboardInterrupt):
        tag_archive(CapitalTagger(), [file], tmp_path / "out.csv", stop=30)
    times = file.stat()
    write(file, ("id,text\n" + 10 * "1,Goma\n").ljust(times.st_size, "\n"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(ConfigError, match="the inputs: hold 10 reports"):
        tag_archive(CapitalTagger(), [file], tmp_path / "out.csv", resume=True)


TAGS_SLOWLY = """
import sys
from pathlib import Path
from helpers.archives import CapitalTagger, tag_archive
tag_archive(CapitalTagger(seconds=0.001), [Path(name) for name in sys.argv[2:]], Path(sys.argv[1]), resume=True)
"""


@pytest.mark.parametrize("name", FORMS)
def test_a_job_killed_at_any_moment_gives_the_output_of_an_undisturbed_one(tmp_path: Path, name: str) -> None:
    dice = random.Random(name)
    files = archive(tmp_path, [dice.choice(KINDS) for _ in range(150)], 0)
    (tmp_path / "undisturbed").mkdir()
    tag_archive(CapitalTagger(), files, tmp_path / "undisturbed" / name)
    partial = tmp_path / f"{name}.partial"
    kills = 0
    while not (tmp_path / name).exists():
        process = subprocess.Popen(
            [sys.executable, "-c", TAGS_SLOWLY, tmp_path / name, *files],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
        )
        before = partial.stat().st_size if partial.exists() else 0
        enough = dice.randrange(5000, 60_000)
        while process.poll() is None:
            with suppress(FileNotFoundError):
                if kills < 4 and partial.stat().st_size > before + enough:
                    process.kill()
                    kills += 1
                    break
            time.sleep(0.001)
        assert process.wait() in (0, -signal.SIGKILL)
    assert kills >= 1
    assert (tmp_path / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    assert sorted(file.name for file in tmp_path.glob("out*")) == [name]
