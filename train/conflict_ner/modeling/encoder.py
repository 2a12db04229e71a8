"""Finds the pretrained encoder: a bundled name, a folder, or a hub id.

Weights load from safetensors only, and no code that comes with a model is ever run.

>>> encoder_name("minilm"), encoder_name("someone/some-encoder")
('sentence-transformers/all-MiniLM-L6-v2', 'someone/some-encoder')
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conflict_ner.data.labels import LabelScheme
from conflict_ner.errors import EncoderError
from conflict_ner.modeling.bundled_encoders import BUNDLED, bundled_folder

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# Encoders name their dropouts differently; the first name that one has is set.
_DROPOUT = ("hidden_dropout_prob", "hidden_dropout", "dropout", "resid_pdrop", "mlp_dropout")
_NO_DOCSTRINGS = 2  # the level of `python -OO`
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")


def resolve_encoder(encoder: str) -> str:
    """What `from_pretrained` is to load: a folder for bundled names and folders, else the hub id.

    Raises:
        EncoderError: with the command to run or the setting to mend.
    """
    if encoder in BUNDLED:
        return str(bundled_folder(encoder))
    if encoder.startswith(("/", ".", "~")) or Path(encoder).is_dir():
        folder = Path(encoder).expanduser()
        if not (folder / "config.json").is_file():
            raise EncoderError(f"encoder: {folder} is no model folder (it has no config.json)")
        return str(folder)
    if encoder.count("/") != 1 or " " in encoder:
        names = ", ".join(BUNDLED)
        raise EncoderError(f"encoder: {encoder!r} is no bundled name ({names}), no folder and no hub id (owner/name)")
    return encoder


def encoder_name(encoder: str) -> str:
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

    with _clear_errors(source), quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, trust_remote_code=False)
    if len(tokenizer.get_vocab()) <= len(set(tokenizer.all_special_tokens)):
        raise EncoderError(f"encoder: {source} has no tokenizer files (tokenizer.json)")
    if not getattr(tokenizer, "is_fast", False):
        raise EncoderError(f"encoder: {source} has no fast tokenizer, so tokens cannot be traced to characters")
    return tokenizer  # type: ignore[return-value]


def copy_backend(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """A copy of what cuts the text, without the library around it."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, window: int, folder: Path) -> None:
    """Write the tokenizer as a checkpoint's: limited to our window, truncating nothing by itself."""
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = window
    tokenizer.save_pretrained(folder)


def load_model(source: str, *, new_head: bool = False, **settings: Any) -> PreTrainedModel:
    """A token-classification model in fp32 on the CPU.

    Args:
        new_head: one is made at random; the source has none, or one for another task.

    Raises:
        EncoderError: if the weights cannot be had or are not all there.
    """
    import torch
    from transformers import AutoModelForTokenClassification

    with _clear_errors(source), quiet_transformers():
        model, loading = AutoModelForTokenClassification.from_pretrained(
            source,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=new_head,  # a head of other labels; anything else is seen to below
            **settings,
        )
    # transformers fills what is missing at random and goes on; only a new head may be missing.
    misfits = {key for key, *_ in loading["mismatched_keys"]}
    missing = [
        key
        for key in {*loading["missing_keys"], *misfits}
        if not new_head or key.startswith(f"{model.base_model_prefix}.") or key == model.base_model_prefix
    ]
    if missing:
        raise EncoderError(
            f"encoder: {source} lacks weights, for example {min(missing)}; it is damaged or another kind"
        )
    if new_head and not misfits:
        _forget_head(model, loading["missing_keys"])
    return model  # type: ignore[no-any-return]


def _forget_head(model: PreTrainedModel, made: set[str]) -> None:
    """Make a head at random that came with the weights: of a checkpoint with as many tags."""
    import torch

    name, layer = classification_head(model) or ("", None)
    if layer is not None and f"{name}.weight" not in made:
        torch.nn.init.normal_(layer.weight, std=getattr(model.config, "initializer_range", 0.02))
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)


def classification_head(model: PreTrainedModel) -> tuple[str, torch.nn.Linear] | None:
    """The layer that makes the logits, with its name: the last linear one outside the encoder with an output a tag."""
    import torch

    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and module.out_features == model.config.num_labels
        and not name.startswith(f"{model.base_model_prefix}.")
    ]
    return layers[-1] if layers else None


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

    with _clear_errors(source), quiet_transformers():
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    config.id2label, config.label2id = scheme.id2label, scheme.label2id
    for names, value in ((_DROPOUT, dropout), (_ATTENTION_DROPOUT, attention_dropout)):
        name = next((name for name in names if hasattr(config, name)), None)
        if name:
            setattr(config, name, value)
    return load_model(source, new_head=True, config=config, **({"attn_implementation": attention} if attention else {}))


def move_to_device(model: PreTrainedModel, device: str) -> PreTrainedModel:
    """The model, moved to what PyTorch calls a device.

    Raises:
        EncoderError: if there is no such device here.
    """
    try:
        return model.to(device)  # type: ignore[arg-type, no-any-return, unused-ignore]
    except (RuntimeError, AssertionError, ImportError) as error:
        raise EncoderError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from None


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' bars and load reports off the screen, then restore its settings."""
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    hub_verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        hub_logging.set_verbosity(hub_verbosity)
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _without_docstrings() -> None:
    """Let transformers import its models under `python -OO`.

    It writes each class's documentation when it is imported, from docstrings that are not there then, and fails.
    """
    if sys.flags.optimize < _NO_DOCSTRINGS:
        return
    import transformers.utils

    def unchanged(documented: Any = None, **_: Any) -> Any:
        return documented if documented is not None else unchanged

    transformers.utils.auto_docstring = unchanged  # type: ignore[attr-defined, assignment, unused-ignore]


@contextmanager
def _clear_errors(source: str) -> Iterator[None]:
    from safetensors import SafetensorError

    _without_docstrings()
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        advice = (
            f"set encoder: to a bundled name ({', '.join(BUNDLED)}) or to a folder with config.json, tokenizer.json "
            "and model.safetensors; a hub id needs the network (and HF_HUB_OFFLINE unset)"
        )
        raise EncoderError(f"encoder: {source} cannot be loaded: {first}\n{advice}") from error
