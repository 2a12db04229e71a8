"""The command, run in the process of the test."""

from __future__ import annotations

import sys

import pytest
from conflict_ner.cli import main


def conflict_ner(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command in this process: exit code, standard output, standard error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["conflict-ner", *map(str, arguments)])
        try:
            main.main()
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    out, err = capsys.readouterr()
    return code, out, err
