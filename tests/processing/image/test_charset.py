from __future__ import annotations

import pytest

from chalicelib.processing.image.charset import decoded


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("Ann", "ascii"),
        ("Müller", "utf-8"),
        ("山田太郎", "utf-8"),
        ("Müller", "latin-1"),
        ("© José Ñandú 2020", "cp1252"),
        ("naïïf Ø ö", "cp1252"),
        ("«Éa»", "cp1252"),
        ("山田太郎", "cp932"),
        ("カメラ", "cp932"),
        ("Photo: 山田", "cp932"),
    ],
)
def test_a_name_is_read_in_the_encoding_it_has(words: str, encoding: str) -> None:
    assert decoded(words.encode(encoding)) == words


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("Иван Петров", "cp1251"),
        ("Иван", "koi8-r"),
        ("张伟", "gbk"),
        ("陳大文", "big5"),
        ("山田太郎", "euc_jp"),
        ("ｶﾒﾗ", "cp932"),
        ("김철수", "cp949"),
        ("ทดสอบ", "cp874"),
        ("Παπαδόπουλος", "cp1253"),
        ("محمد", "cp1256"),
        ("“Ann”", "cp1252"),
    ],
)
def test_garbage_is_nothing(words: str, encoding: str) -> None:
    assert decoded(words.encode(encoding)) is None


@pytest.mark.parametrize("value", [b"Cura\x93l", b"x\x93l\x93my", b"\x93lm", b"HDR\x93lx"])
def test_one_japanese_sign_at_a_latin_letter_is_a_chance(value: bytes) -> None:
    assert value.decode("cp932")
    assert decoded(value) is None


@pytest.mark.parametrize(
    ("words", "encoding"),
    [("HDR写真", "cp932"), ("東 太郎", "cp932"), ("Trübiger", "mac_roman"), ("\ufeffAnn", "utf-8")],
)
def test_a_name_beside_other_letters(words: str, encoding: str) -> None:
    assert decoded(words.encode(encoding)) == words.strip("\ufeff")
