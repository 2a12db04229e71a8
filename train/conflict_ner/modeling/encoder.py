"""Find and load a pretrained encoder and its tokenizer, by a bundled name, a folder, or a hub id.

Weights are loaded from safetensors only, and code that comes with a model is never run.

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
from conflict_ner.errors import CheckpointError, EncoderError
from conflict_ner.modeling.bundled_encoders import BUNDLED, bundled_folder

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# Names of the dropouts in the configs of encoders; the first name that a config has is set.
_DROPOUT = ("hidden_dropout_prob", "hidden_dropout", "dropout", "resid_pdrop", "mlp_dropout")
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
_NO_DOCSTRINGS = 2  # the optimization level of `python -OO`


def resolve_encoder(encoder: str) -> str:
    """Return what `from_pretrained` loads: a folder for a bundled name or a folder, else the hub id.

    Raises:
        EncoderError: with the command to run or the setting to correct.
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
    """Return the public name of an encoder: its hub id, or the name of its folder."""
    if encoder in BUNDLED:
        return BUNDLED[encoder].hub_id
    return Path(encoder).name if Path(encoder).is_dir() else encoder


def load_tokenizer(source: str, **settings: Any) -> PreTrainedTokenizerFast:
    """Load the fast tokenizer of a resolved encoder or a checkpoint folder.

    Args:
        settings: more arguments of `from_pretrained`.

    Raises:
        EncoderError: if it cannot be loaded or cannot map its tokens to characters.
    """
    from transformers import AutoTokenizer

    with _encoder_errors(source), quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, trust_remote_code=False, **settings)
    if len(tokenizer.get_vocab()) <= len(set(tokenizer.all_special_tokens)):
        raise EncoderError(f"encoder: {source} has no tokenizer files (tokenizer.json)")
    if not getattr(tokenizer, "is_fast", False):
        raise EncoderError(f"encoder: {source} has no fast tokenizer, so tokens cannot be traced to characters")
    return tokenizer  # type: ignore[return-value]


def load_plain_tokenizer(folder: Path) -> Tokenizer:
    """Load the tokenizer of a model that was trained elsewhere, as transformers does: settings may change its file.

    Raises:
        CheckpointError: if it cannot be loaded, its tokens cannot be traced to characters, or it gives inputs types.
    """
    try:
        tokenizer = copy_backend(load_tokenizer(str(folder), local_files_only=True))
    except EncoderError as error:
        reason = str(error).splitlines()[0].removeprefix(f"encoder: {folder} ")
        raise CheckpointError(
            f"{folder}: the tokenizer {reason}; a fast tokenizer of transformers is needed (tokenizer.json), and "
            "AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER) writes it where there is one"
        ) from error
    if any(tokenizer.encode("a").type_ids):
        raise CheckpointError(f"{folder}: the model reads token types, which are not given to models here")
    return tokenizer


def refuse_other_tokenizer(model: PreTrainedModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Raise if a tokenizer has tokens that a model does not know.

    Raises:
        CheckpointError: saying so.
    """
    known, tokens = len(model.get_input_embeddings().weight), tokenizer.get_vocab_size()  # type: ignore[arg-type]
    if tokens > known:
        fault = f"the tokenizer has {tokens:,} tokens, and the model knows {known:,}"
        raise CheckpointError(f"{folder}: {fault}; it is that of another model")


def copy_backend(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """Return a copy of the `tokenizers` object inside a transformers tokenizer."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, window: int, folder: Path) -> None:
    """Write the tokenizer into a checkpoint folder, with `window` as its maximum length and without truncation."""
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = window
    tokenizer.save_pretrained(folder)


def load_model(source: str, *, new_head: bool = False, **settings: Any) -> PreTrainedModel:
    """Load a token-classification model in fp32 on the CPU.

    Args:
        source: a folder or a hub id, as `resolve_encoder` returns it.
        new_head: initialize the head at random; the source has none, or one for another task.
        settings: more arguments of `from_pretrained`.

    Raises:
        EncoderError: if the weights cannot be loaded or are incomplete.
    """
    import torch
    from transformers import AutoModelForTokenClassification

    with _encoder_errors(source), quiet_transformers():
        model, loading = AutoModelForTokenClassification.from_pretrained(
            source,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=new_head,  # a head for other labels; other mismatches are refused below
            **settings,
        )
    # transformers initializes missing weights at random without an error; only a new head may be missing.
    mismatched = {key for key, *_ in loading["mismatched_keys"]}
    missing = [
        key
        for key in {*loading["missing_keys"], *mismatched}
        if not new_head or key.startswith(f"{model.base_model_prefix}.") or key == model.base_model_prefix
    ]
    if missing:
        raise EncoderError(
            f"encoder: {source} lacks weights, for example {min(missing)}; it is damaged or of another kind"
        )
    if new_head and not mismatched:
        _reset_head(model, loading["missing_keys"])
    return model  # type: ignore[no-any-return]


def _reset_head(model: PreTrainedModel, initialized: set[str]) -> None:
    """Initialize a head at random if it was loaded: from a checkpoint with as many tags.

    Args:
        model: the model with the head.
        initialized: names of the weights that were not loaded, so are random already.
    """
    import torch

    name, layer = classification_head(model) or ("", None)
    if layer is not None and f"{name}.weight" not in initialized:
        torch.nn.init.normal_(layer.weight, std=getattr(model.config, "initializer_range", 0.02))
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)


def classification_head(model: PreTrainedModel) -> tuple[str, torch.nn.Linear] | None:
    """Return the layer that computes the logits, with its name; None if there is none.

    It is the last linear layer outside the encoder that has one output for each tag.
    """
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
    """Load an encoder with a new head for the tags of a scheme, initialized from PyTorch's current random state.

    Args:
        source: a folder or a hub id, as `resolve_encoder` returns it.
        scheme: the labels, whose tags the head predicts.
        dropout: the probability of dropping hidden values in training.
        attention_dropout: the probability of dropping attention weights in training.
        attention: an attention implementation that transformers knows; None for its default.

    Raises:
        EncoderError: if the encoder cannot be loaded.
    """
    from transformers import AutoConfig

    with _encoder_errors(source), quiet_transformers():
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    config.id2label, config.label2id = scheme.id2label, scheme.label2id
    for names, value in ((_DROPOUT, dropout), (_ATTENTION_DROPOUT, attention_dropout)):
        name = next((name for name in names if hasattr(config, name)), None)
        if name:
            setattr(config, name, value)
    return load_model(source, new_head=True, config=config, **({"attn_implementation": attention} if attention else {}))


def move_to_device(model: PreTrainedModel, device: str) -> PreTrainedModel:
    """Move a model to a device, named as in PyTorch, and return it.

    Raises:
        EncoderError: if this machine has no such device.
    """
    try:
        return model.to(device)  # type: ignore[arg-type, no-any-return, unused-ignore]
    except (RuntimeError, AssertionError, ImportError) as error:
        raise EncoderError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from None


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hide the progress bars and load reports of transformers in the block, then restore its settings."""
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    hub_verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        hub_logging.set_verbosity(hub_verbosity)
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _support_missing_docstrings() -> None:
    """Let transformers import its models under `python -OO`.

    On import it builds the documentation of each class from docstrings, and fails if they have been stripped.
    """
    if sys.flags.optimize < _NO_DOCSTRINGS:
        return
    import transformers.utils

    def unchanged(documented: Any = None, **_: Any) -> Any:
        return documented if documented is not None else unchanged

    transformers.utils.auto_docstring = unchanged  # type: ignore[attr-defined, assignment, unused-ignore]


@contextmanager
def _encoder_errors(source: str) -> Iterator[None]:
    """Turn errors of transformers in the block into an `EncoderError` with advice."""
    from safetensors import SafetensorError

    _support_missing_docstrings()
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        advice = (
            f"set encoder: to a bundled name ({', '.join(BUNDLED)}) or to a folder with config.json, tokenizer.json "
            "and model.safetensors; a hub id needs the network (and HF_HUB_OFFLINE unset)"
        )
        raise EncoderError(f"encoder: {source} cannot be loaded: {reason}\n{advice}") from error
