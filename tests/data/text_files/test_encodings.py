"""Encodings of files: detection, and messages that name the probable encoding."""

from __future__ import annotations

import io

import pytest
from conflict_ner.data.text_files import encodings
from conflict_ner.data.text_files.encodings import (
    describe_decoding_error,
    detect_encoding,
    guess_encoding,
    guess_file_encoding,
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Повстанцы захватили город Горловку", "cp1251"),
        ("Повстанцы захватили город Горловку", "koi8-r"),
        ("هاجم المتمردون المدينة يوم الاثنين", "cp1256"),
        ("Οι αντάρτες έφυγαν", "cp1253"),  # noqa: RUF001 # Greek
        ("叛军袭击了这个城市，造成三人死亡", "gb18030"),  # noqa: RUF001 # a fullwidth comma
        ("反政府勢力が町を攻撃した。", "shift_jis"),
        ("叛軍襲擊了這個城市", "big5"),
        ("반군이 도시를 공격했다 어제 밤에 세 명이", "euc_kr"),
        ("8,“Rebels” left São João", "cp1252"),
        ("id,text\n", "utf-16-le"),
        ("id,text\n", "utf-16-be"),
    ],
)
def test_the_encoding_that_reads_a_text_is_named(text: str, encoding: str) -> None:
    assert guess_encoding(text.encode(encoding)) == encoding
    fault, fix = describe_decoding_error(text.encode(encoding))
    assert text.strip()[:10] in fault
    assert fix == f"if that is right, give --encoding {encoding}"


def test_damaged_utf8_is_not_taken_for_another_encoding() -> None:
    damaged = "Горловка и Донецк".encode()[:-1] + b" "
    assert guess_encoding(damaged) is None
    assert "iconv" not in "".join(describe_decoding_error(damaged))


def test_a_byte_order_mark_decides_and_a_named_encoding_is_used() -> None:
    assert detect_encoding("a".encode("utf-16"), None) == "utf-16"
    assert detect_encoding("a".encode("utf-32"), None) == "utf-32"
    assert (
        detect_encoding(b"\xef\xbb\xbfa", None)
        == detect_encoding(b"", None)
        == detect_encoding(b"a", "UTF8")
        == "utf-8"
    )
    assert detect_encoding(b"a", "cp1252") == "cp1252"


def guess_file(content: bytes) -> str | None:
    return guess_file_encoding(lambda: io.BytesIO(content))


RUSSIAN = "Её армия подошла к селу… Повстанцы захватили город Горловку, Донецк № 5. Я видел это."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("8,“Rebels” left São João – 5 km, “MENÜ»", "cp1252"),  # noqa: RUF001 # a dash
        ("ÉCOLE à Köln, £5", "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN.replace("…", ".").replace("№", "N"), "koi8-r"),
        ("هاجم المتمردون المدينة يوم الاثنين وقتلوا ثلاثة من السكان المدنيين", "cp1256"),
        ("Οι αντάρτες έφυγαν από την πόλη και επιτέθηκαν στο κοντινό χωριό", "cp1253"),  # noqa: RUF001 # Greek
        ("叛军袭击了这个城市，造成三人死亡" * 2, "gb18030"),  # noqa: RUF001 # a fullwidth comma
        ("id,text\n1,Goma é\n", "utf-16-le"),
        ("id,text\n1,Goma é\n", "utf-16-be"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_is_certain(text: str, encoding: str) -> None:
    assert guess_file(text.encode(encoding)) == encoding


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Goma",
        "Goma é".encode(),
        "Goma é".encode("utf-8-sig"),
        "Goma é".encode("utf-16"),
        "Miloševićeva četa".encode("cp1250"),
        "Vojáci dobyli město".encode("cp1250"),
        "Kraków został zaatakowany przez żołnierzy".encode("cp1250"),
        "Diyarbakır'da çatışma".encode("cp1254"),  # noqa: RUF001 # Turkish
        "Её муж; Горловка… № 5".encode("cp1251"),
        "המורדים תקפו את העיר".encode("cp1255"),
        b"Goma \xff",
        b"caf\xe9 \x81",
        b"\x00\x01\x02\x03",
        b"caf\xe9\n" * 3 + "Горловка".encode(),
        "Горловка – Донецк\n".encode() * 3 + b"caf\xe9\n",  # noqa: RUF001 # a dash
        "Goma – Beni\n".encode() + b"caf\xe9\n" * 20,  # noqa: RUF001 # a dash
    ],
)
def test_utf8_and_what_is_not_certain_is_not_guessed(content: bytes) -> None:
    assert guess_file(content) is None


def test_a_file_is_looked_at_to_its_end_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "_CHUNK", 10)
    plain = b"Goma fell.\n" * 100
    assert guess_file(plain + "Köln – Müller\n".encode("cp1252") + plain) == "cp1252"  # noqa: RUF001 # a dash
    assert guess_file(plain + "Köln".encode("cp1252") + plain + "Köln".encode()) is None
    assert guess_file(plain + "Köln".encode("cp1252") + plain + b"\x81") is None
    assert guess_file(plain + "Köln – Müller\n".encode()) is None  # noqa: RUF001 # a dash
    monkeypatch.setattr(encodings, "_SURELY_UTF8", 5)
    assert guess_file("Müller\n".encode() * 20 + b"K\xf6ln\n" * 10) is None
