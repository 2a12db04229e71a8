"""Finds, opens and writes files by their paths, or by addresses such as `s3://bucket/reports.parquet`.

Addresses are opened by fsspec with the library for their kind (s3fs, gcsfs, adlfs, huggingface_hub ...), and where that
is not installed by pyarrow, which has S3, Google Cloud Storage and HDFS built in.

>>> is_address("s3://bucket/reports.parquet"), is_address("reports.parquet"), is_address("C:/reports.parquet")
(True, False, False)
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any

from conflict_ner.data.text_files.file_search import find_hidden_part, printable
from conflict_ner.errors import ConfigError, Problem, require_packages
from conflict_ner.files import is_device, sync_folder
from conflict_ner.inference.files import sources
from conflict_ner.inference.files.table_readers import Complain

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_STAMPS = ("mtime", "ETag", "etag", "LastModified", "updated", "last_modified")  # what storages call a file's state
_HOW = "check the address, and the credentials of this machine"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of reports.

    name: as the user wrote it, for messages and for reports without an id.
    path: under which every machine opens it: an absolute path, or an address.
    stamp: changes when the file does.
    """

    name: str
    path: str
    size: int
    stamp: str | int | None


def is_address(name: str) -> bool:
    """Return whether a name is an address with a scheme, and no path."""
    return _ADDRESS.match(name) is not None


def file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, in fsspec's form, and the path in it.

    Raises:
        ConfigError: if no library that is installed opens such addresses.
        MissingExtraError: if fsspec is not installed.
    """
    require_packages("reading and writing addresses", {"fsspec": "fsspec>=2024.6"})
    import fsspec
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    try:
        found, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as missing:  # no such library, or no such scheme
        from fsspec.implementations.arrow import ArrowFSWrapper

        try:
            found, path = FileSystem.from_uri(address)
        except (pa.ArrowException, OSError, ImportError):
            raise ConfigError(
                "an address", [Problem(address, str(missing), "install the library, or copy the files")]
            ) from None
        return ArrowFSWrapper(found), path
    return found, path


def find_files(names: Iterable[str], complain: Complain, hidden: set[str]) -> list[InputFile]:
    """Return the files that paths and addresses name, after searching folders and expanding `*` in addresses.

    Args:
        complain: called with a problem for each name that cannot be read.
        hidden: collects the files and folders that are left out because their names mark them as hidden.

    Raises:
        ConfigError: if no library that is installed opens an address.
        MissingExtraError: if there are Excel files and the package that reads them is not installed.
    """
    found: list[InputFile] = []
    for name in names:
        if is_address(name):
            found += _find_remote(name, complain, hidden)
            continue
        for file in sources.expand([Path(name)], complain, hidden):
            try:
                status = file.stat()
            except OSError as error:
                complain(Problem(printable(file), f"cannot be read: {error.strerror}", "check path and permissions"))
                continue
            if is_device(file) or file == sources.STDIN:
                complain(Problem(printable(file), "is a pipe or a device", "write it to a file first"))
                continue
            found.append(InputFile(str(file), str(file.absolute()), status.st_size, status.st_mtime_ns))
    return found


def leave_out_own_files(files: Iterable[InputFile], output: str) -> list[InputFile]:
    """Return the files without those in the folder `OUTPUT.parts`, which an interrupted job has left."""
    parts = f"{_place(output)}.parts/"
    return [file for file in files if not _place(file.path).startswith(parts)]


def _place(name: str) -> str:
    """Return a path or an address in the one form that can be compared with others."""
    if not is_address(name):
        return Path(name).resolve().as_posix()
    scheme, _, path = name.partition("://")
    return f"{scheme.lower()}://{path.strip('/')}"  # some libraries write three slashes


def _find_remote(address: str, complain: Complain, hidden: set[str]) -> list[InputFile]:
    storage, path = file_system(address)
    try:
        if "*" in path:
            names = storage.glob(path)
        elif storage.isdir(path):
            names = storage.find(path)
        else:
            names = [path]
        details = [(name, storage.info(name)) for name in sorted(names)]
    except Exception as error:  # each library raises its own kind
        complain(Problem(address, f"cannot be read: {_reason(error)}", _HOW))
        return []
    found = []
    for name, detail in details:
        below = str(PurePosixPath(name).relative_to(path)) if name != path and "*" not in path else ""
        if find_hidden_part(below):
            hidden.add(storage.unstrip_protocol(name))
        elif detail["type"] == "file" and sources.form_of(name):
            stamp = next((str(detail[key]) for key in _STAMPS if detail.get(key) is not None), None)
            full = address if name == path else storage.unstrip_protocol(name)
            found.append(InputFile(full, full, int(detail["size"] or 0), stamp))
    if not found:
        complain(Problem(address, "no file there has a form that is tagged", _HOW))
    return found


def open_input(path: str) -> IO[bytes]:
    """Open a path or an address to read.

    Raises:
        OSError: if it cannot be opened.
        ConfigError: if no library that is installed opens such addresses.
    """
    if not is_address(path):
        return Path(path).open("rb")
    storage, inner = file_system(path)
    try:
        stream: IO[bytes] = storage.open(inner, "rb")
    except OSError:
        raise
    except Exception as error:  # each library raises its own kind
        raise OSError(None, _reason(error), path) from error
    return stream


def put_file(draft: Path, target: str) -> None:
    """Put a finished file in the place of a target, which is replaced whole or not at all.

    Raises:
        OSError: if that fails.
    """
    if not is_address(target):
        draft.replace(target)
        sync_folder(Path(target).parent)
        return
    storage, path = file_system(target)
    try:
        storage.put_file(str(draft), path)  # object stores show a file when it is complete
    except OSError:
        raise
    except Exception as error:  # each library raises its own kind
        raise OSError(None, _reason(error), target) from error


class PartFolder:
    """A folder of finished files, which all machines see. A file appears in it when it is complete."""

    def __init__(self, place: str) -> None:
        self.place = place if is_address(place) else str(Path(place).absolute())

    @cached_property
    def _remote(self) -> tuple[Any, str] | None:
        return file_system(self.place) if is_address(self.place) else None

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self.place}  # every machine opens the address by itself

    @property
    def local(self) -> Path | None:
        """The folder's path, if it is not an address."""
        return None if self._remote else Path(self.place)

    def create(self) -> None:
        """Create the folder; an object store has none before the first file.

        Raises:
            OSError: if it cannot be created.
        """
        if self.local:
            self.local.mkdir(exist_ok=True)

    def names(self) -> set[str]:
        """Return the names of the files that are complete."""
        if self._remote:
            storage, path = self._remote
            storage.invalidate_cache()
            found: set[str] = set()
            with suppress(FileNotFoundError):
                found = {name.rstrip("/").rpartition("/")[2] for name in storage.ls(path, detail=False)}
            return {name for name in found if name[0] != "."}
        folder = Path(self.place)
        return {file.name for file in folder.iterdir() if file.name[0] != "."} if folder.is_dir() else set()

    def write(self, name: str, content: bytes) -> None:
        """Write a file; whoever writes the same again replaces it.

        Raises:
            OSError: if it cannot be written.
        """
        if self._remote:
            storage, path = self._remote
            storage.pipe_file(f"{path}/{name}", content)
            return
        folder = Path(self.place)
        draft = folder / f".{name}.{uuid.uuid4().hex}"
        try:
            with draft.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(folder / name)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise

    def count(self, name: str) -> int:
        """Count one more of something, and return how many there have been since it was forgotten.

        Raises:
            OSError: if the count cannot be written.
        """
        hidden, content = f".{name}", b""
        with suppress(FileNotFoundError), self.open(hidden) as stream:
            content = stream.read()
        if self._remote:
            self.write(hidden, content + b"1")
        else:
            (Path(self.place) / hidden).write_bytes(content + b"1")
        return len(content) + 1

    def forget(self, name: str) -> None:
        """Begin to count from zero."""
        with suppress(OSError):
            if self._remote:
                storage, path = self._remote
                storage.rm_file(f"{path}/.{name}")
            else:
                (Path(self.place) / f".{name}").unlink()

    def open(self, name: str) -> IO[bytes]:
        """Open a file to read.

        Raises:
            OSError: if there is none.
        """
        return open_input(f"{self.place.rstrip('/')}/{name}")

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file.

        Raises:
            OSError: if it cannot be read.
        """
        with self.open(name) as stream:
            yield from stream

    def remove(self) -> None:
        """Remove the folder with all its files, as far as possible."""
        if self._remote:
            storage, path = self._remote
            with suppress(OSError):
                storage.rm(path, recursive=True)
        else:
            shutil.rmtree(self.place, ignore_errors=True)


def _reason(error: BaseException) -> str:
    """Return the first line of what a library says, or the kind of the error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
