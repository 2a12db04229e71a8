"""Keeps the libraries that this package loads from reporting its use.

From 1.29 on, the official builds of ONNX Runtime write a device id below the user's cache folder and
report to a server, unless `ORT_DISABLE_TELEMETRY` is set when they are imported; its function
`disable_telemetry_events` comes too late for both. So the variable is set as soon as this package is
imported, and child processes inherit it. docs/privacy.md says what else is kept, and how it is tested.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

ONNX_RUNTIME = "ORT_DISABLE_TELEMETRY"
_VARIABLES = (ONNX_RUNTIME, "HF_HUB_DISABLE_TELEMETRY")
_REPORT = {"0", "false", "no", "off"}  # a variable's values by which a user asks for telemetry
_REPORTS_SINCE = (1, 29)


class TelemetryWarning(UserWarning):
    """ONNX Runtime was imported before its telemetry could be switched off."""


def disable_telemetry() -> None:
    """Switch telemetry off in the libraries that are imported from here on.

    A user who wants it sets the library's variable to 0, for example `ORT_DISABLE_TELEMETRY=0`.
    """
    for name in _VARIABLES:
        if not _wanted(name):
            os.environ[name] = "1"


def import_onnxruntime() -> Any:
    """Import ONNX Runtime with its telemetry off.

    Warns:
        TelemetryWarning: if the process imported it before this package, with its telemetry on.
    """
    if not _early:
        disable_telemetry()  # again: the variable may have been removed since
    import onnxruntime

    if not _wanted(ONNX_RUNTIME):
        onnxruntime.disable_telemetry_events()  # Windows builds that report to the system read no variable
    if _early and _version(onnxruntime.__version__) >= _REPORTS_SINCE:
        warnings.warn(
            f"onnxruntime {onnxruntime.__version__} was imported before conflict_ner, with its telemetry on: it may "
            f"have written a device id and will look up its server. Import conflict_ner first, or set {ONNX_RUNTIME}=1",
            TelemetryWarning,
            stacklevel=2,
        )
    return onnxruntime


def _wanted(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in _REPORT


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())


# Whether ONNX Runtime was there already, and had not been told to be quiet.
_early = "onnxruntime" in sys.modules and not os.environ.get(ONNX_RUNTIME)
