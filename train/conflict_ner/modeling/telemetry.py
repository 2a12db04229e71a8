"""Disable the telemetry of the libraries that this package imports.

From 1.29 on, the official builds of ONNX Runtime write a device id to a folder in the user's cache and
report to a server, unless `ORT_DISABLE_TELEMETRY` is set when they are imported; its function
`disable_telemetry_events` comes too late to prevent either. So the variable is set as soon as this package is
imported, and child processes inherit it. docs/privacy.md describes what else is done, and how it is tested.

This module is imported by `import conflict_ner`, so it imports only small modules of the standard library.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

ONNX_RUNTIME = "ORT_DISABLE_TELEMETRY"
_VARIABLES = (ONNX_RUNTIME, "HF_HUB_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY")
_ENABLED = {"0", "false", "no", "off"}  # values of a variable with which a user asks for telemetry
_FIRST_WITH_TELEMETRY = (1, 29)  # version of ONNX Runtime


class TelemetryWarning(UserWarning):
    """ONNX Runtime was imported before its telemetry could be disabled."""


def disable_telemetry() -> None:
    """Disable telemetry in the libraries that are imported from now on.

    A user who wants it sets the library's variable to 0, for example `ORT_DISABLE_TELEMETRY=0`.
    """
    for name in _VARIABLES:
        if not _is_telemetry_wanted(name):
            os.environ[name] = "1"


def import_onnxruntime() -> Any:
    """Import ONNX Runtime with its telemetry disabled.

    Warns:
        TelemetryWarning: if the process imported it before this package, with its telemetry enabled.
    """
    if not _was_imported_before:
        disable_telemetry()  # again: the variable may have been removed since
    import onnxruntime

    if not _is_telemetry_wanted(ONNX_RUNTIME):
        onnxruntime.disable_telemetry_events()  # Windows builds that report to the system ignore the variable
    if _was_imported_before and _parse_version(onnxruntime.__version__) >= _FIRST_WITH_TELEMETRY:
        warnings.warn(
            f"onnxruntime {onnxruntime.__version__} was imported before conflict_ner, with its telemetry on: it may "
            f"have written a device id and will look up its server. Import conflict_ner first, or set {ONNX_RUNTIME}=1",
            TelemetryWarning,
            stacklevel=2,
        )
    return onnxruntime


def _is_telemetry_wanted(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in _ENABLED


def _parse_version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())


# Whether ONNX Runtime was imported before this package, without a setting for its telemetry.
_was_imported_before = "onnxruntime" in sys.modules and not os.environ.get(ONNX_RUNTIME)
