"""Optional packages: whether they are there, and what to type if not.

>>> require("arithmetic", {"math": "math"})
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from conflict_ner.errors import MissingExtraError


def require(what: str, needed: Mapping[str, str]) -> None:
    """See that modules are there, before any long work that needs them.

    Args:
        what: what needs them, for the message.
        needed: for each module what to install.

    Raises:
        MissingExtraError: with the command that installs those missing.
    """
    missing = [wanted for module, wanted in needed.items() if find_spec(module) is None]
    if missing:
        command = [sys.executable, "-m", "pip", "install", *missing]
        raise MissingExtraError(f"{what} needs packages that are not installed; type\n    {shlex.join(command)}")
