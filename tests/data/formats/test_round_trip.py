"""Properties of the file formats: what is written is read back unchanged, and every file is found once."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from conflict_ner.config import ColumnsConfig
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import conll, jsonl, markup, strict_json
from conflict_ner.data.formats.compression import compression_suffix, open_decompressed, strip_compression_suffix
from conflict_ner.data.formats.encodings import describe_decoding_error, guess_encoding, open_text
from conflict_ner.data.formats.file_search import search_folder
from conflict_ner.data.formats.text_files import read_text
from conflict_ner.data.validation import check_document
from hypothesis import given, settings
from hypothesis import strategies as st

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

checked = settings(max_examples=40, deadline=None, derandomize=True, database=None)
# Strings with a meaning in a format, line ends and white space of editors and languages, characters of several bytes.
PIECES = [*'[]\\()#"{=: \n\r\ta1é\x00\x0b\x0c\x1c\x85\u00a0\u00ad\u2003']
PIECES += [*"\u2028\u2029\u202f\u3000\ufeff\u200f\u202b\u200d\U0001f600", "كابل", "東京"]
PIECES += ["](A)", "[x](A)", "\\n", "\\u0041", "=== ", "\n=== x", "\n\n", "\r\n", "  ", "e\u0301"]
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.text(max_size=20))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=4,
)
METADATA = st.dictionaries(TEXTS.filter(lambda key: key not in markup.RESERVED_KEYS), JSON_VALUES, max_size=2)
LABELS = ("ACTOR", "B-C", "é")


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A document with mentions that do not overlap and with metadata of any JSON type."""
    text = draw(TEXTS)
    edges = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    drawn = [Mention(start, end, draw(st.sampled_from(("", *LABELS)))) for start, end in itertools.pairwise(edges)]
    mentions = tuple(mention for mention in drawn if mention.label)
    return Document(draw(TEXTS.filter(bool)), text, mentions, draw(METADATA))


def as_json(document: Document) -> str:
    """A document with the types of its metadata, since 1 == 1.0 == True in Python."""
    return json.dumps(jsonl.to_record(document), sort_keys=True)


@pytest.mark.parametrize("form", [markup, jsonl], ids=["markup", "jsonl"])
def test_parse_returns_the_documents_that_dump_wrote(form: ModuleType) -> None:
    @checked
    @given(st.lists(documents(), min_size=1, max_size=3))
    def check(written: list[Document]) -> None:
        parsed, problems = form.parse(form.dump(written).encode().decode(), "f")
        assert problems == []
        assert parsed == written
        assert list(map(as_json, parsed)) == list(map(as_json, written))
        assert all(document.is_valid for document in parsed)

    check()


@checked
@given(documents())
def test_a_document_without_problems_can_be_written_in_markup(document: Document) -> None:
    if not check_document(document, LABELS):
        assert markup.parse(markup.dump([document]), "f") == ([document], [])


@checked
@given(JSON_VALUES)
def test_strict_json_loads_what_json_dumps_wrote(value: Any) -> None:
    assert json.dumps(strict_json.loads(json.dumps(value))) == json.dumps(value)


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=6)
# Separators at the end of all words are taken for separators of columns, and # may begin a comment.
WORDS = WORDS.filter(lambda word: word[-1] not in ",;|:/" and word[0] != "#")


@st.composite
def tagged_sentences(draw: st.DrawFn) -> list[list[tuple[str, str]]]:
    """Sentences of words and IOB2 tags, with at least one mention so that the tags are known by their column."""
    sentences: list[list[tuple[str, str]]] = []
    for words in draw(st.lists(st.lists(WORDS, min_size=1, max_size=8), min_size=1, max_size=3)):
        tags = ["B-A"] if not sentences else []
        for _ in words[len(tags) :]:
            inside = [f"I-{tags[-1][2:]}"] if tags and tags[-1] != "O" else []
            tags.append(draw(st.sampled_from(["O", "B-A", "B-B", *inside])))
        sentences.append(list(zip(words, tags, strict=True)))
    return sentences


@checked
@given(tagged_sentences(), st.sampled_from(["\t", " "]))
def test_conll_documents_have_the_words_and_tags_of_their_lines(
    sentences: list[list[tuple[str, str]]], separator: str
) -> None:
    source = "\n".join("".join(f"{word}{separator}{tag}\n" for word, tag in sentence) for sentence in sentences)
    parsed, problems = conll.parse(source, "a.conll", ColumnsConfig(word=1, tag=2))
    assert problems == []
    assert [document.text.split(" ") for document in parsed] == [[word for word, _ in words] for words in sentences]
    for document, sentence in zip(parsed, sentences, strict=True):
        ends = list(itertools.accumulate(len(word) + 1 for word, _ in sentence))
        tags = ["O"] * len(sentence)
        for mention in document.mentions:
            inside = [n for n, end in enumerate(ends) if mention.start < end <= mention.end + 1]
            for n in inside:
                tags[n] = f"{'B' if n == inside[0] else 'I'}-{mention.label}"
        assert tags == [tag for _, tag in sentence]


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_open_decompressed_returns_the_bytes_that_were_compressed(suffix: str) -> None:
    assert compression_suffix(f"a.md{suffix.upper()}") == suffix
    assert strip_compression_suffix(f"a.md{suffix}") == "a.md"

    @checked
    @given(st.binary(max_size=200), st.binary(max_size=5))
    def check(first: bytes, second: bytes) -> None:
        # Two compressed streams one after the other, as `cat` and parallel compressors write them.
        stream = io.BytesIO(COMPRESS[suffix](first) + COMPRESS[suffix](second))
        assert open_decompressed(stream, suffix).read() == first + second

    check()


ENCODABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(lambda text: text[:1] != "\ufeff")
# UTF-16 with a mark begins as UTF-32 does if its first character is NUL.
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])


@checked
@given(ENCODABLE.filter(lambda text: text[:1] != "\0"), ENCODINGS)
def test_open_text_returns_the_text_that_was_encoded(text: str, encoding: str) -> None:
    opened, detected = open_text(io.BytesIO(text.encode(encoding)), None)
    assert opened.read() == text
    assert detected == encoding.removesuffix("-sig")


@checked
@given(ENCODABLE.filter(lambda text: text[:1] != "\0"), ENCODINGS, st.sampled_from(list(COMPRESS)))
def test_read_text_returns_the_text_that_was_encoded_and_compressed(text: str, encoding: str, suffix: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"a.md{suffix}"
        file.write_bytes(COMPRESS[suffix](text.encode(encoding)))
        read, problems = read_text(file)
    if read is None:  # many NULs are taken for UTF-16 without a mark
        assert encoding.startswith("utf-8")
        assert text.count("\0") * 4 > len(text.encode(encoding))
    else:
        assert (read, problems) == (text, [])


@checked
@given(st.binary(max_size=60))
def test_any_bytes_can_be_opened_and_have_a_fault_that_can_be_shown(raw: bytes) -> None:
    text, _ = open_text(io.BytesIO(raw), None)
    if not raw.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"\xef\xbb\xbf")):
        assert text.read().encode("utf-8", "surrogateescape") == raw
    guess = guess_encoding(raw)
    fault, fix = describe_decoding_error(raw)
    assert fault.isprintable()
    assert guess is None or guess in fix


NAMES = st.sampled_from(["a", "b", "c.txt", "d.txt", "e.md", ".f.txt", ".g"])
TREES = st.recursive(
    st.just("file"),
    lambda entries: st.dictionaries(NAMES, st.one_of(entries, st.just("link")), max_size=4),
    max_leaves=8,
)


def create(tree: Any, path: Path, root: Path) -> None:
    """Create a tree of folders and files; a link leads to the root, so that there are cycles."""
    if tree == "link":
        path.symlink_to(root)
    elif tree == "file":
        path.touch()
    else:
        path.mkdir(exist_ok=True)
        for name, entry in tree.items():
            create(entry, path / name, root)


def visible_files(tree: Any, path: Path) -> list[Path]:
    if tree == "file":
        return [path] if path.suffix == ".txt" else []
    if tree == "link":
        return []
    return [file for name in tree if name[0] != "." for file in visible_files(tree[name], path / name)]


@checked
@given(st.dictionaries(NAMES, st.one_of(TREES, st.just("link")), max_size=5))
def test_a_search_finds_every_visible_file_exactly_once(tree: dict[str, Any]) -> None:
    with TemporaryDirectory() as name:
        root = Path(name)
        create(tree, root, root)
        result = search_folder(root, lambda name: name.endswith(".txt"))
        assert result.files == sorted(visible_files(tree, root))
        assert result.problems == []
