"""Measure the service under load: not a test, but the script that docs/serving.md takes its figures from.

    python tests/inference/service/measure_load.py models/small-int8 data/test --clients 32 --seconds 60

starts `conflict-ner serve` on a free port of this machine, lets clients ask it for one report after the other, each
over a connection of its own, and compares: every answer with what `Tagger` finds, the rate with that of a batch in one
process on the same cores (before and after the load, as other programs may be running), and memory before with memory
after.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from conflict_ner import Tagger, load_corpus

Spans = list[tuple[str, int, int]]


@contextmanager
def service(checkpoint: str) -> Iterator[int]:
    """Start the service in a process of its own; yield its port."""
    command = [sys.executable, "-m", "conflict_ner", "serve", checkpoint, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline() if process.stderr else ""
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if not found:
                sys.exit(f"the service did not start: {line}{process.stderr and process.stderr.read()}")
            yield int(found[1])
        finally:
            process.terminate()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> Spans:
    """Send a text over a connection that stays open; return the spans of the answer."""
    body = json.dumps({"text": text}).encode()
    writer.write(b"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
    content = json.loads(await reader.readexactly(length))
    return [(entity["label"], entity["start"], entity["end"]) for entity in content["entities"]]


async def load(port: int, texts: Sequence[str], expected: Sequence[Spans], clients: int, seconds: float) -> Any:
    """Return the seconds of each request, and how many answers were other than expected."""
    turns = itertools.cycle(range(len(texts)))
    end, times, wrong = time.perf_counter() + seconds, [], 0

    async def client() -> None:
        nonlocal wrong
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            turn, start = next(turns), time.perf_counter()
            found = await ask(reader, writer, texts[turn])
            times.append(time.perf_counter() - start)
            wrong += found != expected[turn]
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return times, wrong


def memory(port: int) -> float:
    """Return the service's memory in MiB."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        [value] = re.findall(r"^process_resident_memory_bytes (\S+)", answer.read().decode(), re.MULTILINE)
    return float(value) / 2**20


def batch_rate(tagger: Tagger, texts: Sequence[str], seconds: float) -> float:
    """Return how many texts a second `Tagger` tags in one call after the other."""
    start, count = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        count += len(tagger.tag(texts))
    return count / (time.perf_counter() - start)


def main() -> None:
    """Read the command line, measure and print a table in Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("data")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    tagger = Tagger.load(options.checkpoint)
    texts = [document.text for document in load_corpus(options.data, labels=tagger.labels, strict=False).documents]
    expected = [[(e.label, e.start, e.end) for e in entities] for entities in tagger.tag(texts)]
    before = batch_rate(tagger, texts, options.seconds / 4)
    with service(options.checkpoint) as port:
        asyncio.run(load(port, texts, expected, options.clients, options.seconds / 10))  # warm
        first = memory(port)
        times, wrong = asyncio.run(load(port, texts, expected, options.clients, options.seconds))
        last = memory(port)
    after = batch_rate(tagger, texts, options.seconds / 4)
    times.sort()
    rate, batch = len(times) / options.seconds, (before + after) / 2
    rows = {
        "requests a second": f"{rate:.1f}",
        "reports a second in a batch (before, after)": f"{before:.1f}, {after:.1f}",
        "share of the batch rate": f"{rate / batch:.0%}",
        "p50": f"{1000 * times[len(times) // 2]:.0f} ms",
        "p99": f"{1000 * times[len(times) * 99 // 100]:.0f} ms",
        "answers with other spans than Tagger's": f"{wrong} of {len(times):,}",
        "memory before, after": f"{first:.0f} MiB, {last:.0f} MiB",
    }
    print(f"| {options.clients} clients, {options.seconds:g} s, {len(texts)} reports | |\n|---|---:|")
    print("\n".join(f"| {name} | {figure} |" for name, figure in rows.items()))


if __name__ == "__main__":
    main()
