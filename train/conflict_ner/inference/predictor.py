"""Runs a model over texts: windows in batches, one tag per word, entities out.

Training scores its epochs with it, evaluation its splits, and `Tagger` tags users' texts with it, so
all three find the same entities in a text.

Texts are processed in chunks, so any number of them needs the memory of one chunk. Within a chunk,
windows of similar length share a batch, the logits are gathered into one row per word, and only
entities become objects. While one chunk is computed, a thread tokenizes the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Entity
from conflict_ner.data.labels import OUTSIDE, LabelScheme, ModelTags, TagIds
from conflict_ner.errors import CheckpointError, EncoderError
from conflict_ner.inference.decoding import viterbi
from conflict_ner.inference.decoding.spans import decode
from conflict_ner.inference.runtime import Logits, Runtime, TaggingPrecision
from conflict_ner.modeling.tokenization import EncodedText, Ints, WindowTokenizer

CHUNK = 512  # texts at most: enough to find windows of similar length
CHUNK_CHARACTERS = 1_000_000  # at most, unless a single text has more


@dataclass(frozen=True, slots=True)
class _Window:
    """One input of the model, and the words whose logits are taken from it.

    ids: shape (length,), special tokens included.
    rows: the words, as rows of the chunk's logits.
    positions: the position of each word's first subword in the input.
    """

    ids: Ints
    rows: Ints
    positions: Ints


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with its tokenizer and label scheme, which tags texts.

    scheme: the tags that are decoded.
    batch_tokens: padded tokens in a batch; None: `Runtime.batch_tokens`.
    model_tags: the tags of the model itself, which are read as those of `scheme`; None: they are those of `scheme`.
    """

    runtime: Runtime
    window_tokenizer: WindowTokenizer
    scheme: LabelScheme
    batch_tokens: int | None = None
    model_tags: ModelTags | None = None

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str, precision: TaggingPrecision) -> Predictor:
        """Load the model and the tokenizer of a checkpoint whose facts have been read.

        Raises:
            CheckpointError: if a file of the checkpoint is damaged, or a library that it needs is missing.
            EncoderError: if there is no such device.
        """
        _refuse_different_labels(checkpoint)
        window_tokenizer = load_window_tokenizer(checkpoint)
        runtime = _runtime(checkpoint, device, precision, window_tokenizer.tokenizer)
        plain = checkpoint.manifest.plain
        return cls(runtime, window_tokenizer, checkpoint.scheme, model_tags=plain.model_tags if plain else None)

    def predict(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """Yield the entities of each text, in the order of the texts, which are read as they are needed."""
        for chunk, encoded in self._encoded(texts):
            yield from decode(chunk, encoded, *self.best_tags(self._predict(encoded), encoded), self.scheme)

    def best_tags(self, logits: Logits, encoded: Sequence[EncodedText]) -> tuple[TagIds, Logits]:
        """Return the tag of each word of some texts, as one of `scheme`, and its probability, both of shape (words,).

        The tags are those of the most probable mentions (see `viterbi`). Those of a plain model, whose scheme may be
        another, are each word's best, as `transformers.pipeline` reads them.

        Args:
            logits: of all words, one text after the other, shape (words, tags of the model).
        """
        is_read, starts = _sequences(encoded)
        tags = np.full(len(logits), OUTSIDE, dtype=np.int64)
        if self.model_tags is None:
            tags[is_read] = viterbi.best_tags(logits[is_read], starts, self.scheme)
            chosen = np.take_along_axis(logits, tags[:, None], axis=-1)
        else:
            # Texts need not be told apart: where one ends, the decoder ends a mention whatever the next word's tag is.
            tags[is_read] = self.model_tags.to_iob2(logits[is_read].argmax(-1))
            chosen = logits.max(-1, keepdims=True)
        # The softmax of the chosen tag only: the other probabilities are not needed.
        top = logits.max(-1, keepdims=True)
        scores = np.exp(chosen - top)[:, 0] / np.exp(logits - top).sum(-1)
        return tags, scores

    def logits(self, texts: Iterable[str]) -> Iterator[tuple[EncodedText, Logits]]:
        """Yield each text's encoding and the logits that `predict` decodes, shape (words, tags of the model).

        Words without a first subword have zeros, which are never read. Texts are read as they are needed.
        """
        for _, encoded in self._encoded(texts):
            ends = np.cumsum([len(e.word_starts) for e in encoded])
            yield from zip(encoded, np.split(self._predict(encoded), ends[:-1]), strict=True)

    def _encoded(self, texts: Iterable[str]) -> Iterator[tuple[list[str], list[EncodedText]]]:
        """Yield chunks of texts with their encodings; each is tokenized while the one before it is computed.

        The thread only tokenizes: the texts may come from a source that can be read from the caller's
        thread only.
        """
        chunks = _chunks(texts)
        chunk = next(chunks, None)
        encoded = self.window_tokenizer.encode(chunk) if chunk else []
        with ThreadPoolExecutor(max_workers=1) as thread:  # starts with the second chunk, if there is one
            while chunk:
                next_chunk = next(chunks, None)
                next_encoded = thread.submit(self.window_tokenizer.encode, next_chunk) if next_chunk else None
                yield chunk, encoded
                chunk, encoded = next_chunk, next_encoded.result() if next_encoded else []

    def _predict(self, encoded: Sequence[EncodedText]) -> Logits:
        """Return the logits of all words of a chunk, text after text; zeros for words without a first subword."""
        tags = (self.model_tags or self.scheme).tags
        word_logits = np.zeros((sum(len(e.word_starts) for e in encoded), len(tags)), dtype=np.float32)
        windows = self._windows(encoded)
        self._run(windows, word_logits)
        if margin := self.runtime.tie_margin:
            rounded = windows
            while True:  # other logits can make a tie of a word in the next window
                tied = self._near_ties(word_logits, encoded, margin)
                again = [window for window in rounded if tied[window.rows].any()]
                if not again:
                    break
                self._run(again, word_logits, in_fp32=True)
                rounded = [window for window in rounded if not tied[window.rows].any()]
        return word_logits

    def _near_ties(self, logits: Logits, encoded: Sequence[EncodedText], margin: float) -> viterbi.Bools:
        """Return which words' tags rounding may have chosen, shape (words,)."""
        is_read, starts = _sequences(encoded)
        tied = np.zeros(len(logits), dtype=np.bool_)
        if self.model_tags is None:
            tied[is_read] = viterbi.near_ties(logits[is_read], starts, self.scheme, margin)
        else:
            tied[is_read] = viterbi.near_ties_of_words(logits[is_read], margin)
        return tied

    def _run(self, windows: Sequence[_Window], word_logits: Logits, *, in_fp32: bool = False) -> None:
        """Fill in the logits of the windows' words."""
        tokens = self.batch_tokens or self.runtime.batch_tokens
        lengths = [len(window.ids) for window in windows]
        unpadded = self.runtime.padding is None
        batches = [[windows[i] for i in batch] for batch in length_batches(lengths, tokens, unpadded=unpadded)]
        for batch, token_logits in zip(batches, self._forward(batches, in_fp32=in_fp32), strict=True):
            window_of_word = np.repeat(np.arange(len(batch)), [len(window.rows) for window in batch])
            logits = token_logits[window_of_word, np.concatenate([window.positions for window in batch])]
            word_logits[np.concatenate([window.rows for window in batch])] = logits

    def _forward(self, batches: Sequence[Sequence[_Window]], *, in_fp32: bool) -> Iterator[Logits]:
        """Yield the model's logits for each batch, in order, shape (rows, length, tags)."""
        compute = self.runtime.logits_fp32 if in_fp32 else self.runtime.logits

        def forward(batch: Sequence[_Window]) -> Logits:
            return compute(*self._padded(batch))

        if self.runtime.workers == 1 or len(batches) == 1:
            yield from map(forward, batches)
            return
        with ThreadPoolExecutor(self.runtime.workers) as threads, self.runtime.parallel():
            yield from threads.map(forward, batches)

    def _padded(self, windows: Sequence[_Window]) -> tuple[Ints, Ints]:
        """Return the ids of a batch and their attention mask, both of shape (rows, length)."""
        lengths = np.array([len(window.ids) for window in windows])
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        ids = np.full(mask.shape, self.runtime.padding or 0, dtype=np.int64)
        ids[mask == 1] = np.concatenate([window.ids for window in windows])
        return ids, mask

    def _windows(self, encoded: Sequence[EncodedText]) -> list[_Window]:
        """Return the windows of a chunk that decide at least one word."""
        prefix, suffix = (
            np.array(part, dtype=np.int64) for part in (self.window_tokenizer.prefix, self.window_tokenizer.suffix)
        )
        windows, row = [], 0
        for e in encoded:
            words = np.flatnonzero(e.first_subwords >= 0)
            first_subwords = e.first_subwords[words]
            # Owners ascend along the text, so each window's words are one run.
            runs = np.searchsorted(e.owners[first_subwords], np.arange(len(e.windows) + 1))
            for index, (begin, end) in enumerate(e.windows):
                run = slice(runs[index], runs[index + 1])
                if run.start < run.stop:
                    ids = np.concatenate((prefix, e.token_ids[begin:end], suffix))
                    windows.append(_Window(ids, row + words[run], first_subwords[run] - begin + len(prefix)))
            row += len(e.word_starts)
        return windows


def _sequences(encoded: Sequence[EncodedText]) -> tuple[viterbi.Bools, viterbi.Ints]:
    """Return which words of some texts have a tag, and which of those begin a text or a paragraph.

    A mention crosses neither. The second array has the shape (sequences,) and counts only words that have a tag.
    """
    is_read = np.concatenate([e.first_subwords for e in encoded]) >= 0
    counts = np.array([len(e.word_starts) for e in encoded])
    first_words = np.cumsum(counts) - counts
    starts = [np.append(begin, begin + e.paragraph_starts) for e, begin in zip(encoded, first_words, strict=True)]
    read_before = np.append(0, np.cumsum(is_read))
    starts_read = np.unique(read_before[np.concatenate(starts)])
    return is_read, starts_read[starts_read < read_before[-1]]


def load_window_tokenizer(checkpoint: Checkpoint) -> WindowTokenizer:
    """Load a checkpoint's tokenizer, which cuts texts into the windows of its manifest.

    Raises:
        CheckpointError: if it cannot be loaded, or its tokens cannot be traced to characters.
    """
    if checkpoint.is_plain:
        from conflict_ner.modeling.encoder import load_plain_tokenizer

        tokenizer = load_plain_tokenizer(checkpoint.folder)
    else:
        try:
            tokenizer = Tokenizer.from_file(str(checkpoint.folder / "tokenizer.json"))
        except Exception as error:  # the library raises nothing narrower
            raise CheckpointError(f"{checkpoint.folder} is damaged: tokenizer.json: {error}") from None
    return WindowTokenizer.from_tokenizer(tokenizer, checkpoint.manifest.window, checkpoint.manifest.overlap)


def _runtime(checkpoint: Checkpoint, device: str, precision: TaggingPrecision, tokenizer: Tokenizer) -> Runtime:
    """Load a checkpoint's model with the library for its form; the other library is not imported."""
    if checkpoint.manifest.exported:
        from conflict_ner.inference.onnx_runtime import OnnxRuntime

        return OnnxRuntime.load(checkpoint.folder, device)
    from conflict_ner.inference.torch_runtime import TorchRuntime
    from conflict_ner.modeling.device import check_device, choose_device
    from conflict_ner.modeling.encoder import load_model, move_to_device, refuse_other_tokenizer

    chosen_device = choose_device(device, "fp32").device
    check_device(chosen_device)
    try:
        model = load_model(str(checkpoint.folder), local_files_only=True)
    except EncoderError as error:
        raise CheckpointError(f"{checkpoint.folder} is damaged: {str(error).splitlines()[0]}") from error
    if checkpoint.is_plain:
        refuse_other_tokenizer(model, tokenizer, checkpoint.folder)
    # In bf16, near ties are computed again within a margin that was measured with models of ours.
    auto = "fp32" if checkpoint.manifest.plain and precision == "auto" else precision
    return TorchRuntime.of(move_to_device(model, chosen_device), auto)


def _refuse_different_labels(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint whose `config.json`, which plain transformers reads, names other tags than its manifest."""
    plain = checkpoint.manifest.plain
    try:
        id2label = json.loads((checkpoint.folder / "config.json").read_bytes())["id2label"]
        tags = ModelTags.parse(id2label).tags if plain else LabelScheme.from_id2label(id2label).tags
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{checkpoint.folder} is damaged: config.json: {error}") from None
    if tags != (plain.tags if plain else checkpoint.scheme.tags):
        raise CheckpointError(f"{checkpoint.folder}: config.json and manifest.json name different labels")


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    characters = 0
    for text in texts:
        if chunk and (len(chunk) == CHUNK or characters + len(text) > CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(text)
        characters += len(text)
    if chunk:
        yield chunk


def length_batches(lengths: Sequence[int], batch_tokens: int, *, unpadded: bool = False) -> Iterator[list[int]]:
    """Yield indices in batches, longest first, each of at most `batch_tokens` padded tokens (or one index).

    Args:
        unpadded: only indices of one length share a batch, so that nothing is padded.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batch: list[int] = []
    for index in order:
        full = batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens
        if full or (unpadded and batch and lengths[index] != lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
