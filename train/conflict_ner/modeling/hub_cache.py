"""Find models by their ids on the Hugging Face hub, in the local cache only: nothing is ever fetched.

The cache is the folder in which huggingface_hub and transformers keep what they have downloaded.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_ID = re.compile(r"[\w.-]*\w/[\w.-]+")
_ADDRESS = re.compile(r"(?:https?:/+huggingface\.co/|hf:/+(?:models/)?)(.+)")
_CACHED = re.compile(r"models--(.+)")  # the name of a model's folder in the cache


def find_folder(name: Path | str) -> Path:
    """Return the folder that a path or a hub id names: in the cache if it is a hub id whose model is there.

    An existing path is never a hub id. A name that is neither is returned as it is.
    """
    path = Path(name)
    if os.path.lexists(path) or (hub_id := _hub_id(path)) is None:
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return path


def public_name(folder: Path) -> str:
    """Return the hub id of a model that is in the cache; of any other folder its name.

    >>> public_name(Path("/hub/models--org--name/snapshots/0123abc")), public_name(Path("/models/mine"))
    ('org/name', 'mine')
    """
    *_, cached, snapshots, _ = ("", "", *folder.absolute().parts)
    match = _CACHED.fullmatch(cached) if snapshots == "snapshots" else None
    return match[1].replace("--", "/", 1) if match else folder.resolve().name


def missing_folder_advice(folder: Path) -> str:
    """Return advice for a checkpoint folder that does not exist; it may be an id on the Hugging Face hub."""
    if (hub_id := _hub_id(folder)) is None:
        return "`conflict-ner train CONFIG` makes one"
    from huggingface_hub import constants

    return (
        f"`conflict-ner train CONFIG` makes one. If {hub_id} is an id on the Hugging Face hub: nothing is fetched from "
        f"there to tag with, and it is not in the local cache, {constants.HF_HUB_CACHE} (HF_HOME names another). Put "
        f"it there on a machine with a network, `hf download {hub_id}`, and the same command finds it; or name a "
        f"folder that holds the model. To fine-tune an encoder of the hub, put `encoder: {hub_id}` into a config and "
        "train it"
    )


def _hub_id(path: Path) -> str | None:
    """Return the hub id that a path stands for, which may be in a web address; None if it cannot be one."""
    name = path.as_posix()
    if address := _ADDRESS.fullmatch(name):
        return address[1]
    return name if _ID.fullmatch(name) and not path.parent.is_dir() else None
