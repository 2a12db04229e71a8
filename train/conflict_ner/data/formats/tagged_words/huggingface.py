"""Data sets of Hugging Face: folders of `save_to_disk`, which are read, and Parquet files, which are written too.

Tags are numbers; their names stand in the file as `ClassLabel`, in `dataset_info.json` or the metadata of the schema,
so that `datasets.load_dataset("parquet")` has them again. Rows are read and written in batches.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.json_records import Record
from conflict_ner.data.formats.format import EVERYTHING, Feature, Format, ReadOptions, Sample
from conflict_ner.data.formats.tagged_words.tag_schemes import IOB2, Scheme, find_scheme
from conflict_ner.data.formats.tagged_words.tagged_rows import TaggedRows, read_rows, to_rows
from conflict_ner.data.text_files.compression import READ_ERRORS, compression_suffix, open_decompressed
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import Problem

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 500  # rows
_SCHEMA_KEY = b"huggingface"  # of the metadata in which `datasets` keeps the features
_CARRIED = EVERYTHING - {Feature.NESTED}
_OPTIONS = frozenset({"scheme", "tag_names"})


def read_parquet(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of a Parquet file."""
    import pyarrow.parquet as pq

    name = printable(file)
    try:
        source = _open_parquet(file)
        schema = pq.ParquetFile(source).schema_arrow

        def read(columns: Sequence[str] | None) -> Iterator[Record | Problem]:
            batches = pq.ParquetFile(_open_parquet(file)).iter_batches(_BATCH, columns=columns)
            yield from _number(_rows(batches), name)

        yield from read_rows(TaggedRows(name, schema.names, _class_names(_features(schema)), read), options)
    except READ_ERRORS as error:
        yield _damaged(name, error)


def _open_parquet(file: Path) -> Any:
    """Return what pyarrow opens: a path, or the decompressed bytes, because Parquet is read from its end."""
    import pyarrow as pa

    compression = compression_suffix(file.name)
    if not compression:
        return str(file)
    with file.open("rb") as stream:
        return pa.BufferReader(open_decompressed(stream, compression).read())


def read_folder(folder: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of a folder that `save_to_disk` has written: of a data set, or of all its splits."""
    try:
        index = folder / "dataset_dict.json"
        splits = _load_json(index).get("splits", []) if index.is_file() else None
        for part in [folder] if splits is None else [folder / split for split in splits]:
            yield from _read_split(part, options)
        if splits and len(splits) > 1:
            what = f"its splits {', '.join(splits)} are read as one"
            yield Problem(printable(folder), what, f"for one of them name {printable(folder / splits[0])}", note=True)
    except READ_ERRORS as error:
        yield _damaged(printable(folder), error)


def _read_split(folder: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    name = printable(folder)
    state = _load_json(folder / "state.json") if (folder / "state.json").is_file() else {}
    if any(state.get(key) for key in ("_indices_data_files", "_indices_files")):
        what = "its rows are chosen by a file of indices, as an old version of `datasets` saved them"
        yield Problem(name, what, "load it and save it again with `save_to_disk`", unreadable=True)
        return
    named = [folder / each["filename"] for each in state.get("_data_files", [])]
    files = named or sorted(folder.glob("*.arrow"))
    if not files:
        yield Problem(name, "no .arrow file in this data set", "copy it completely", unreadable=True)
        return
    schema = _open_arrow(files[0]).schema
    features = _features(schema)
    if (folder / "dataset_info.json").is_file():
        features = _load_json(folder / "dataset_info.json").get("features") or features

    def read(columns: Sequence[str] | None) -> Iterator[Record | Problem]:
        batches = (batch for file in files for batch in _open_arrow(file))
        chosen = batches if columns is None else (batch.select(columns) for batch in batches)
        yield from _number(_rows(chosen), name)

    yield from read_rows(TaggedRows(name, schema.names, _class_names(features), read), options)


def _open_arrow(file: Path) -> Any:
    """Return a reader of the record batches of an Arrow file, which holds a stream, or rarely the format of files."""
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(pa.memory_map(str(file)))
    except pa.ArrowInvalid:
        reader = pa.ipc.open_file(pa.memory_map(str(file)))
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        return pa.RecordBatchReader.from_batches(reader.schema, batches)


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH):
            yield from batch.slice(start, _BATCH).to_pylist()


def _number(rows: Iterable[dict[str, Any]], name: str) -> Iterator[Record | Problem]:
    """Yield the rows with their numbers; a file that is damaged further on ends with a problem."""
    try:
        for number, row in enumerate(rows, start=1):
            yield Record(row, number, f"{name}, row {number}")
    except READ_ERRORS as error:
        yield _damaged(name, error)


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Return the features of `datasets` in the metadata of a schema; empty if it has none."""
    try:
        features = json.loads((schema.metadata or {}).get(_SCHEMA_KEY, b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _class_names(features: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of the numbers in each column that has them, however deep they stand in its feature."""

    def names(feature: Any) -> tuple[str, ...]:
        if isinstance(feature, list):
            return next(filter(None, map(names, feature)), ())
        if not isinstance(feature, dict):
            return ()
        if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
            return tuple(map(str, feature["names"]))
        return names(feature.get("feature"))

    return {column: found for column, feature in features.items() if (found := names(feature))}


def _load_json(file: Path) -> dict[str, Any]:
    value = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{file.name} holds no object")  # what the caller takes for damage
    return value


def _damaged(name: str, error: Exception) -> Problem:
    if isinstance(error, OSError) and error.errno:  # pyarrow's own text names the file once more
        return Problem(name, f"cannot be read: {os.strerror(error.errno)}", "copy it completely", unreadable=True)
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    return Problem(name, f"damaged: {first_line}", "get a new copy of it", unreadable=True)


def write_parquet(documents: Iterable[Document], file: Path, scheme: Scheme = IOB2) -> None:
    """Write reports to a Parquet file with the columns id, text, tokens, ner_tags and metadata (JSON).

    Raises:
        DataError: with all reports that cannot be written so.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    string, schema_fields = pa.string(), ("id", "text", "tokens", "ner_tags", "metadata")
    types = (string, string, pa.list_(string), pa.list_(pa.int64()), string)
    schema = pa.schema(list(zip(schema_fields, types, strict=True)))
    numbers = {"O": 0}
    rows = to_rows(documents, scheme)
    # A schema that is stored hides the metadata that are added once the labels are known.
    with pq.ParquetWriter(file, schema, compression="zstd", store_schema=False) as writer:
        while batch := list(islice(rows, _BATCH)):
            for row in batch:
                for tag in row["ner_tags"]:
                    _add_tags_of_label(numbers, tag, scheme)
                row["ner_tags"] = [numbers[tag] for tag in row["ner_tags"]]
                row["metadata"] = json.dumps(row["metadata"], ensure_ascii=False) if row["metadata"] else None
            writer.write_table(pa.Table.from_pylist(batch, schema))
        writer.add_key_value_metadata({_SCHEMA_KEY: json.dumps({"info": {"features": _to_features(list(numbers))}})})


def _add_tags_of_label(numbers: dict[str, int], tag: str, scheme: Scheme) -> None:
    """Give all tags of a label numbers, in the order of the scheme's prefixes, when the first one occurs."""
    if tag not in numbers:
        label = tag.partition("-")[2]
        for prefix in scheme.prefixes:
            numbers[f"{prefix}-{label}"] = len(numbers)


def _to_features(names: list[str]) -> dict[str, Any]:
    string = {"dtype": "string", "_type": "Value"}
    tags = {"names": names, "_type": "ClassLabel"}
    lists = {"tokens": {"feature": string, "_type": "List"}, "ner_tags": {"feature": tags, "_type": "List"}}
    return {"id": string, "text": string, **lists, "metadata": string}


def parquet_writer(scheme: str) -> Callable[[Iterable[Document], Path], None]:
    """Return `write_parquet` for a scheme other than IOB2.

    Raises:
        ConfigError: if there is no such scheme.
    """
    return partial(write_parquet, scheme=find_scheme(scheme, "--to-scheme"))


def _detect_folder(sample: Sample) -> str | None:
    if "dataset_dict.json" in sample.entries:
        return "a `dataset_dict.json`, as `save_to_disk` writes it"
    has_rows = "state.json" in sample.entries or any(entry.endswith(".arrow") for entry in sample.entries)
    is_split = has_rows and "dataset_info.json" in sample.entries
    return "Arrow files with a `dataset_info.json`, as `save_to_disk` writes them" if is_split else None


PARQUET = Format(
    name="parquet",
    title="Parquet of Hugging Face",
    suffixes=(".parquet",),
    default_for=(".parquet",),
    read=read_parquet,
    write=write_parquet,
    write_scheme=parquet_writer,
    carries=_CARRIED,
    options=_OPTIONS,
)
FOLDER = Format(
    name="datasets",
    title="a data set of Hugging Face",
    suffixes=(),
    detect=_detect_folder,
    read=read_folder,
    options=_OPTIONS,
    is_folder=True,
)
