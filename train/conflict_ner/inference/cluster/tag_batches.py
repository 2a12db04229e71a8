"""Tags batches of a table, as Ray Data and Spark pass them to the functions of their users.

ray.data.read_parquet("reports/").map_batches(Tag("models/small")).write_parquet("tagged/")

A `Tag` is small: it is sent to the workers of a cluster, and each process there loads the model once, for its first
batch. So the checkpoint's folder must be readable on every machine, under the same path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from conflict_ner.errors import ConfigError, Problem
from conflict_ner.inference.files.layouts import Layout
from conflict_ner.inference.names import Name, NameMatcher
from conflict_ner.inference.runtime import TaggingPrecision
from conflict_ner.inference.tagger import Tagger, is_missing

if TYPE_CHECKING:
    import pyarrow as pa

_SPARK_TYPES = {"bool": "boolean", "int": "bigint", "float": "double", "text": "string"}
_loading = Lock()


@dataclass(frozen=True)
class _Load:
    """The arguments of `Tagger.load`, in a form that can be compared."""

    folder: str | None
    device: str
    thresholds: tuple[tuple[str, float], ...]
    precision: TaggingPrecision
    values: bool
    names: Path | tuple[Name, ...] | None
    label_map: tuple[tuple[str, str | None], ...] | None

    def stamp(self) -> int:
        """Return the time of the last change of the checkpoint, in nanoseconds; 0 if it is in no folder."""
        files = [Path(self.folder or "") / name for name in ("manifest.json", "config.json")]
        return max((file.stat().st_mtime_ns for file in files if self.folder and file.is_file()), default=0)

    def tagger(self) -> Tagger:
        names = NameMatcher(self.names) if isinstance(self.names, tuple) else self.names
        label_map = None if self.label_map is None else dict(self.label_map)
        thresholds = dict(self.thresholds)
        return Tagger.load(self.folder, self.device, thresholds, self.precision, self.values, names, label_map)


# The models of this process: workers get a copy of a Tag with each task, and keep the model between tasks.
_loaded: dict[_Load, tuple[int, Tagger]] = {}


class Tag:
    """A function that adds the entities of each text to a batch.

    Batches are what `map_batches` of Ray Data passes in any `batch_format` (a dictionary of columns, a DataFrame, a
    `pyarrow.Table`), or a series of pandas, as a pandas UDF of Spark gets. The result has the form of the batch, with
    a further column of lists; a series becomes a series of such lists. An entity in it is a dictionary with `label`,
    `text`, `start`, `end` and `score`, with `values` also `value`, `low`, `high`, `approximate`, `unit` and `kind`, and
    with `names` also `source`. A null is a text without entities.

    Attributes:
        spark_type: the type of the new column, as Spark writes types.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        column: str = "text",
        output: str = "entities",
        device: str = "auto",
        thresholds: Mapping[str, float] | None = None,
        precision: TaggingPrecision = "auto",
        values: bool = False,
        names: Path | str | NameMatcher | None = None,
        label_map: Mapping[str, str | None] | None = None,
    ) -> None:
        """Say what is to be loaded and which column is tagged; nothing is loaded yet.

        Args:
            folder: the checkpoint's, on every machine, or what else `Tagger.load` takes; None: the model that comes
                with the package.
            column: the column that holds the texts.
            output: the column for the entities; one that has this name is replaced.
            device, thresholds, precision, values, names, label_map: as in `Tagger.load`.
        """
        path = None if folder is None else str(Path(folder).absolute() if Path(folder).exists() else folder)
        listed: Path | tuple[Name, ...] | None = None
        if names is not None:
            listed = names.names if isinstance(names, NameMatcher) else Path(names).absolute()
        chosen = tuple(sorted((thresholds or {}).items()))
        self.column, self.output = column, output
        pairs = None if label_map is None else tuple(label_map.items())
        self._load = _Load(path, str(device), chosen, precision, values, listed, pairs)
        self._layout = Layout("reports", values=values, names=names is not None)
        self._tagger: Tagger | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tagger": None}

    @property
    def spark_type(self) -> str:
        """The type of the entities of a text, as Spark's `pandas_udf` takes it.

        >>> Tag().spark_type
        'array<struct<label:string,text:string,start:bigint,end:bigint,score:double>>'
        """
        fields = ",".join(f"{name}:{_SPARK_TYPES[kind]}" for name, kind in self._layout.entity_columns.items())
        return f"array<struct<{fields}>>"

    @property
    def arrow_type(self) -> pa.DataType:
        """The type of the entities of a text in Arrow."""
        import pyarrow as pa

        types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "text": pa.string()}
        return pa.list_(pa.struct([(name, types[kind]) for name, kind in self._layout.entity_columns.items()]))

    def __call__(self, batch: Any) -> Any:
        """Return a batch with the entities of its texts, or the entities of each text of a series.

        Raises:
            ConfigError: if the batch has no column with the name that was given.
            TypeError: if a text is neither a string nor null, or the batch has another form.
            CheckpointError: if this machine does not have the checkpoint.
        """
        # Spark and Ray choose their libraries' versions; no library is imported to find out what a batch is.
        kind = type(batch).__name__
        if kind == "Series":
            return type(batch)(self._entities(batch), index=batch.index, dtype=object)
        if kind not in ("DataFrame", "Table", "RecordBatch") and not isinstance(batch, Mapping):
            raise TypeError(f"a batch is a dictionary of columns, a DataFrame, a Table or a Series, not {kind}")
        columns = list(batch.schema.names if kind in ("Table", "RecordBatch") else batch)
        if self.column not in columns:
            what = f"no column {self.column!r}; the columns are {', '.join(map(str, columns))}"
            raise ConfigError("the batch", [Problem("Tag", what, "name one with column=")])
        if kind not in ("Table", "RecordBatch"):
            entities = self._entities(batch[self.column])
            return (
                {**batch, self.output: entities}
                if isinstance(batch, Mapping)
                else batch.assign(**{self.output: type(batch[self.column])(entities, index=batch.index, dtype=object)})
            )
        import pyarrow as pa

        entities = self._entities(batch.column(self.column).to_pylist())
        column = pa.array(entities, self.arrow_type)
        if self.output in columns:
            return batch.set_column(columns.index(self.output), self.output, column)
        return batch.append_column(self.output, column)

    def _entities(self, texts: Iterable[Any]) -> list[list[dict[str, Any]]]:
        found = self.tagger.stream("" if is_missing(text) else text for text in texts)
        return [[self._layout.entity_row(entity) for entity in entities] for entities in found]

    @property
    def tagger(self) -> Tagger:
        """The model, loaded once in a process.

        Raises:
            CheckpointError, ConfigError, EncoderError: as `Tagger.load` does.
        """
        if self._tagger is None:
            with _loading:
                stamp = self._load.stamp()
                if _loaded.get(self._load, (None,))[0] != stamp:  # new, or trained again since
                    _loaded[self._load] = stamp, self._load.tagger()
                self._tagger = _loaded[self._load][1]
        return self._tagger
