"""Read what the files of a transformers model say of it, without transformers: its tags and its longest input.

A token classifier of transformers is a folder with `config.json`, whose `id2label` names the tags, the weights, and the
files of its tokenizer. Weights that are pickled are refused: loading them can run any code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conflict_ner.data.labels import ModelTags
from conflict_ner.errors import CheckpointError
from conflict_ner.modeling.hub_cache import public_name

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
_SHARDS = "model.safetensors.index.json"
_ADAPTER = "adapter_config.json"
# Weights in forms that are not read: pickled ones, and those of other frameworks.
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin", "model.pt", "model.pth")
_OTHER_WEIGHTS = ("tf_model.h5", "flax_model.msgpack", "model.onnx")
_TOKENIZER_CONFIG = "tokenizer_config.json"
_TOKENIZERS = (
    *("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "spm.model", "sentencepiece.bpe.model"),
    *("tokenizer.model", "bpe.codes", "prophetnet.tokenizer"),
)
_TASK = "ForTokenClassification"  # the end of the names of the architectures that tag
# Model types whose first position is the padding id plus one; the position embeddings before it are never used.
_SHIFTED_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "xlm-roberta-xl", "data2vec-text"}
_NO_LIMIT = 100_000  # a tokenizer without a limit reports an astronomical one
_USUAL_LIMIT = 512  # of an encoder that names none


@dataclass(frozen=True, slots=True)
class TokenClassifier:
    """What the files of a token classifier say of it.

    window: longest input in tokens, special ones included.
    files: the names of all files that decide what it finds.
    """

    tags: ModelTags
    window: int
    files: tuple[str, ...]


def is_model_folder(folder: Path) -> bool:
    """Return whether a folder holds a model of transformers, in whatever form its weights are."""
    if any((folder / name).is_file() for name in (WEIGHTS, _SHARDS, _ADAPTER, *_PICKLED, *_OTHER_WEIGHTS)):
        return True
    try:
        return "model_type" in _read_json(folder / CONFIG)  # a folder of reports may hold a config.json too
    except CheckpointError:
        return False


def read_token_classifier(folder: Path) -> TokenClassifier:
    """Read what a folder says of the token classifier in it.

    Raises:
        CheckpointError: if the folder holds another model, its files are incomplete or damaged, its weights are not
            safetensors, or its tags have no names or are of no known scheme.
    """
    if (folder / _ADAPTER).is_file():
        raise CheckpointError(
            f"{folder} holds an adapter (PEFT), not a whole model; merge it into its model and save that: "
            f"AutoPeftModelForTokenClassification.from_pretrained({str(folder)!r}).merge_and_unload().save_pretrained(...)"
        )
    if not (folder / CONFIG).is_file():
        raise CheckpointError(
            f"{folder} is no model: it has neither a manifest.json, as the checkpoints of conflict-ner have, nor a "
            "config.json, as models of transformers have"
        )
    config = _read_json(folder / CONFIG)
    tags = _read_tags(folder, config)
    _require_weights(folder)
    tokenizer = [name for name in _TOKENIZERS if (folder / name).is_file()]
    if not tokenizer:
        raise CheckpointError(
            f"{folder} has no tokenizer (tokenizer.json); save that of the model into the folder: "
            f"AutoTokenizer.from_pretrained(MODEL).save_pretrained({str(folder)!r})"
        )
    has_tokenizer_config = (folder / _TOKENIZER_CONFIG).is_file()
    tokenizer_config = _read_json(folder / _TOKENIZER_CONFIG) if has_tokenizer_config else {}
    files = (CONFIG, WEIGHTS, *tokenizer, *([_TOKENIZER_CONFIG] if has_tokenizer_config else ()))
    return TokenClassifier(tags, longest_input(tokenizer_config.get("model_max_length"), config), files)


def longest_input(tokenizer_limit: float | None, config: Mapping[str, Any]) -> int:
    """Return the longest input in tokens, special ones included, that a tokenizer and an encoder allow.

    >>> longest_input(10**30, {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1})
    512
    """
    limits = [int(tokenizer_limit)] if tokenizer_limit and tokenizer_limit < _NO_LIMIT else []
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if positions and positions > 0:
        shifted = config.get("model_type") in _SHIFTED_POSITIONS
        padding = config.get("pad_token_id", 1) or 0  # 1 in all of these that do not say so
        limits.append(positions - (padding + 1 if shifted else 0))
    return min(limits, default=_USUAL_LIMIT)


def _read_tags(folder: Path, config: Mapping[str, Any]) -> ModelTags:
    names = [name for name in config.get("architectures") or [] if isinstance(name, str)]
    if names and not any(name.endswith(_TASK) for name in names):
        raise CheckpointError(
            f"{folder} holds a {names[0]}, which does not tag words; name a model that was trained for token "
            "classification"
        )
    id2label = config.get("id2label")
    where = f"{folder / CONFIG}: id2label"
    advice = (
        'write the name of each tag there, such as {"0": "O", "1": "B-PER", "2": "I-PER"}, as the model was trained'
    )
    if not isinstance(id2label, dict) or not id2label:
        raise CheckpointError(f"{where} is missing, so nothing says what the model's tags mean; {advice}")
    try:
        return ModelTags.parse(id2label)
    except ValueError as error:
        known = (
            "tags are read in BIO (IOB1 or IOB2), IO, IOE, BIOES, BILOU or BMES, with B-PER or PER alone for a label"
        )
        raise CheckpointError(f"{where}: {error}; {known}; {advice}") from None


def _require_weights(folder: Path) -> None:
    if (folder / WEIGHTS).is_file():
        return
    load = f"AutoModelForTokenClassification.from_pretrained({str(folder)!r})"
    if (folder / _SHARDS).is_file():
        raise CheckpointError(
            f"{folder}: the weights are in several files ({_SHARDS}), and only one is read; save them as one: "
            f'{load}.save_pretrained(NEW_FOLDER, max_shard_size="100GB")'
        )
    if pickled := next((name for name in _PICKLED if (folder / name).is_file()), None):
        raise CheckpointError(
            f"{folder}: the weights are pickled ({pickled}), and loading those can run any code, so they are refused; "
            f"if you trust where they come from, save them as safetensors: {load}.save_pretrained(NEW_FOLDER), and the "
            "tokenizer's files beside them"
        )
    if other := next((name for name in _OTHER_WEIGHTS if (folder / name).is_file()), None):
        raise CheckpointError(
            f"{folder}: {WEIGHTS} is missing; the weights of another framework ({other}) are not read, so save the "
            "model with PyTorch as safetensors"
        )
    hub = f"; `hf download {name}` completes it" if "/" in (name := public_name(folder)) else ""
    raise CheckpointError(f"{folder}: {WEIGHTS} is missing, the weights of the model{hub}")


def _read_json(file: Path) -> dict[str, Any]:
    """Read a file that holds an object of JSON.

    Raises:
        CheckpointError: if it is anything else, or cannot be read.
    """
    try:
        tree = json.loads(file.read_bytes())
    except (ValueError, OSError) as error:  # a UnicodeDecodeError is a ValueError
        raise CheckpointError(f"{file} cannot be read: {error}") from None
    if not isinstance(tree, dict):
        raise CheckpointError(f"{file} cannot be read: it is not an object of JSON")
    return tree
