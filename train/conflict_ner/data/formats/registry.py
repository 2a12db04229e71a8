"""The file formats of labeled reports: the list of all, and recognition of a file's format by its ending and content.

An ending may belong to several formats. Then the content decides, in the order of the list; if no format recognizes
it, the format for which the ending is the usual one reads the file and says what is wrong with it.

>>> find_format("jsonl").title, [each.name for each in formats_of_suffix(".md")]
('JSONL', ['markup'])
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePath

from conflict_ner.data.formats import jsonl, markup
from conflict_ner.data.formats.annotation_tools import brat, doccano, label_studio, label_studio_min, prodigy
from conflict_ner.data.formats.annotation_tools.inception import project, uima_cas, webanno_tsv
from conflict_ner.data.formats.format import Format, ReadOptions, Sample
from conflict_ner.data.formats.tagged_words import conll, huggingface, spacy_docbin, spacy_json, tagged_json
from conflict_ner.data.text_files.compression import compression_suffix, strip_compression_suffix
from conflict_ner.data.text_files.file_search import printable, search_folder
from conflict_ner.data.text_files.reading import read_head
from conflict_ner.errors import ConfigError, Problem

FORMATS: tuple[Format, ...] = (  # in the order in which their `detect` is asked
    markup.FORMAT,
    jsonl.TAGGED,
    jsonl.FORMAT,
    brat.FORMAT,
    webanno_tsv.FORMAT,
    project.FORMAT,
    uima_cas.FORMAT,
    conll.FORMAT,
    label_studio.FORMAT,
    label_studio_min.FORMAT,
    doccano.FORMAT,
    prodigy.FORMAT,
    tagged_json.FORMAT,
    spacy_json.FORMAT,
    spacy_json.PAIRS,
    huggingface.PARQUET,
    huggingface.FOLDER,
    spacy_docbin.FORMAT,
)
NAMED_ONLY = frozenset({".txt"})  # endings of mostly other files: such a file is read only if it is named
_README = "readme"  # data sets of Hugging Face have one beside their files
_OPTION_NAMES = {  # of the command line, where they are not those of `ReadOptions`
    "columns": "--word, --tag",
    "keep_scores": "--keep-scores",
    "tag_names": "--tag-names",
}
_OF_ALL_FORMATS = frozenset({"trim"})  # options
_TABLES = frozenset({".csv", ".tsv"})  # endings that do not say which format to write


@dataclass(frozen=True, slots=True)
class Detection:
    """The format of a file, and why it is that one."""

    format: Format
    reason: str


def find_format(name: str, option: str = "the format") -> Format:
    """Return the format of a name, such as `label-studio`.

    Args:
        name: the format's name; capitals do not matter.
        option: where the name was given, for the message.

    Raises:
        ConfigError: if there is no such format.
    """
    names = {each.name: each for each in FORMATS}
    if name.lower() in names:
        return names[name.lower()]
    close = get_close_matches(name.lower(), names, 1)
    fix = f"did you mean {close[0]}?" if close else f"the formats are {', '.join(names)}"
    raise ConfigError("the conversion", [Problem(option, f"there is no format {name!r}", fix)])


def suffix_of(name: str) -> str:
    """Return the ending of a file's name in lower case, before any suffix of a compression."""
    return PurePath(strip_compression_suffix(name)).suffix.lower()


def formats_of_suffix(suffix: str) -> list[Format]:
    """Return the formats to which an ending belongs."""
    return [each for each in FORMATS if suffix in each.suffixes]


def detect_format(path: Path) -> Detection | None:
    """Return the format of a file or a folder, by its ending and its content; None if no format recognizes it.

    Raises:
        OSError: if a folder cannot be listed.
    """
    suffix = suffix_of(path.name)
    candidates = formats_of_suffix(suffix)
    usual = next((each for each in candidates if suffix in each.default_for), None)
    by_ending = Detection(usual, f"its ending is {suffix}") if usual and not path.is_dir() else None
    return by_ending if candidates == [usual] else recognize_content(path) or by_ending


def recognize_content(path: Path) -> Detection | None:
    """Return the format that recognizes the content of a folder, or of a file with an ending of its own; else None."""
    if path.is_dir():
        sample = Sample(path.name, entries=tuple(sorted(entry.name for entry in path.iterdir())))
        candidates = [each for each in FORMATS if each.is_folder]
        if any((path / entry).is_dir() for entry in sample.entries) and not any(map(_detects(sample), candidates)):
            # A collection of BRAT has folders in it, and a report's name says in which of them it is.
            found = search_folder(path, lambda _: True).files
            sample = Sample(path.name, entries=tuple(file.relative_to(path).as_posix() for file in found))
            candidates = [brat.FORMAT]
    elif path.is_file():  # a pipe can be read only once
        candidates = formats_of_suffix(suffix_of(path.name))
        head = read_head(path) if candidates else b""
        sample = Sample(
            strip_compression_suffix(path.name),
            head,
            _names_in_archive(path) if head.startswith(b"PK") else (),
            endings_beside(path),
        )
    else:
        return None
    return next((Detection(each, reason) for each in candidates if (reason := each.detect(sample))), None)


def _detects(sample: Sample) -> Callable[[Format], bool]:
    return lambda form: form.detect(sample) is not None


def _names_in_archive(path: Path) -> tuple[str, ...]:
    """Return the names of the files in a `.zip`; none if it is something else or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return ()


def endings_beside(path: Path) -> tuple[str, ...]:
    """Return the endings of the files through which a file such as `.txt` is read, if such files are beside it."""
    if suffix_of(path.name) not in NAMED_ONLY:
        return ()
    stem = PurePath(strip_compression_suffix(path.name)).stem
    usual = (suffix for each in FORMATS if each.is_folder for suffix in each.default_for)
    return tuple(suffix for suffix in usual if path.with_name(stem + suffix).exists())


def is_read_in_folders(path: Path) -> bool:
    """Return whether a file that was found in a folder is read: its ending is a format's, or its content is.

    Endings that other files have too, such as `.json`, mean nothing by themselves, and no ending does in a README;
    `.txt` files have to be named.
    """
    suffix = suffix_of(path.name)
    if suffix in NAMED_ONLY:
        return False
    is_usual = any(suffix in each.default_for for each in FORMATS) and PurePath(path.name).stem.lower() != _README
    return is_usual or recognize_content(path) is not None


def format_to_write(target: Path, name: str | None = None) -> Format:
    """Return the format in which a target is written: the one that is named, else the one of its ending.

    Raises:
        ConfigError: if there is no such format, it cannot be written, or the ending does not say which.
    """
    shown = printable(target)
    if compression_suffix(target.name):
        raise ConfigError(
            "the conversion", [Problem(shown, "compressed files are only read", "compress it afterwards")]
        )
    if name is not None:
        chosen = find_format(name, "--to")
        if chosen.write is None:
            names = ", ".join(each.name for each in FORMATS if each.write)
            raise ConfigError(
                "the conversion", [Problem("--to", f"{chosen.title} is only read", f"write one of {names}")]
            )
        return chosen
    suffix = suffix_of(target.name)
    writable = [each for each in formats_of_suffix(suffix) if each.write is not None]
    usual = [each for each in writable if suffix in each.default_for] or (writable if suffix not in _TABLES else [])
    if len(usual) == 1:
        return usual[0]
    names = ", ".join(each.name for each in usual or FORMATS if each.write)
    what = "several formats have this ending" if usual else "no format that can be written has this ending"
    raise ConfigError("the conversion", [Problem(shown, what, f"name the format with --to: {names}")])


def detect_all(files: Sequence[Path]) -> list[Detection]:
    """Return the different formats of files, and why each is that one. A file in no format is found when it is read."""
    found = (detect_format(file) for file in files)
    return list(dict.fromkeys(detection for detection in found if detection))


def unused_options(options: ReadOptions, formats: Iterable[Format]) -> list[Problem]:
    """Return a problem for each option that was chosen and that no reader of these formats follows."""
    formats = list(formats)
    unused = options.chosen() - _OF_ALL_FORMATS - frozenset[str]().union(*(form.options for form in formats))
    titles = " and ".join(dict.fromkeys(form.title for form in formats))
    return [
        Problem(_OPTION_NAMES.get(name, f"--{name}"), f"{titles} has no such option", "leave it out", unreadable=True)
        for name in sorted(unused if formats else ())
    ]
