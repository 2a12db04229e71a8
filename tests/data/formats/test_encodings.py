"""Encodings of files: detection, and messages that name the probable encoding."""

from __future__ import annotations

import pytest
from conflict_ner.data.formats.encodings import describe_decoding_error, detect_encoding, guess_encoding


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
