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
