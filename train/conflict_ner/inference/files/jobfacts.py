"""What a long job is: its inputs and its options. Another one does not go on with its output.

>>> was = {"column": "text", "inputs": [["a.csv", 10, 1], ["b.csv", 10, 1]]}
>>> for problem in differences(was, {"column": "body", "inputs": [["a.csv", 12, 9], ["b.csv", 10, 1]]}):
...     print(problem)
column: was 'text' and is now 'body'; give the same options, or delete what the interrupted job left
a.csv: has changed since; give the same inputs, or delete what the interrupted job left
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conflict_ner.errors import Problem
from conflict_ner.files import is_device

Facts = Mapping[str, Any]  # a key an option; under `inputs` a list an input: name, size, time
_SHOWN = 10  # differences


def facts_of(files: Sequence[Path], **options: Any) -> dict[str, Any]:
    """What must be the same to resume: the inputs with sizes and times, and options."""
    inputs: list[list[str | int | None]] = []
    for file in files:
        try:
            stat = None if is_device(file) else file.stat()  # a pipe has no size before it is read
        except OSError:  # it will be said when it is read
            stat = None
        inputs.append([str(file), stat.st_size, stat.st_mtime_ns] if stat else [str(file), None, None])
    return {**options, "inputs": inputs}


def differences(then: Facts, now: Facts) -> list[Problem]:
    """In what a job is another than the one that was interrupted; of many differences the first."""
    fix = "or delete what the interrupted job left"
    problems = [
        Problem(key, f"was {then.get(key)!r} and is now {now.get(key)!r}", f"give the same options, {fix}")
        for key in dict.fromkeys([*then, *now])
        if key != "inputs" and then.get(key) != now.get(key)
    ]
    was, are = ({name: rest for name, *rest in facts["inputs"]} for facts in (then, now))
    for name in dict.fromkeys([*was, *are]):
        if was.get(name) != are.get(name):
            what = "is not named now" if name not in are else "is new" if name not in was else "has changed since"
            problems.append(Problem(name, what, f"give the same inputs, {fix}"))
    if not problems and then["inputs"] != now["inputs"]:
        problems.append(Problem("the inputs", "are in another order", f"give them in the same order, {fix}"))
    return problems[:_SHOWN]
