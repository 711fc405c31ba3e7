# SPDX-License-Identifier: Apache-2.0
"""Text that people wrote: with a byte order mark, Windows' line ends, or not text at all."""

import codecs

import pytest

from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.reading import read_json, read_json_object, read_text, read_toml

TEXT = '{"name": "Łukasz"}\n'
ENCODED = {
    "plain": TEXT.encode(),
    "marked": codecs.BOM_UTF8 + TEXT.encode(),
    "little-endian": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "big-endian": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "of Windows": codecs.BOM_UTF8 + TEXT.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("kind", ENCODED)
def test_what_an_editor_puts_first_does_not_matter(kind, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(ENCODED[kind])
    assert read_text(path, "file") == TEXT
    if "endian" in kind:
        # JSON has to be UTF-8 (RFC 8259): BIDS's validator and pybids would not read it
        with pytest.raises(DataError, match="UTF-16 text; expected UTF-8, as JSON has to be"):
            read_json_object(path, "file")
    else:
        assert read_json_object(path, "file") == {"name": "Łukasz"}
    path.write_bytes(codecs.BOM_UTF8 + b"a = 1\r\n")
    assert read_toml(path, "file") == {"a": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": "\xb0"}', "not text; expected UTF-8; got byte 0xb0 at 7"),
        (b"", "not JSON; got an empty file"),
        (codecs.BOM_UTF8, "not JSON; got an empty file"),
        (b"{'a': 1}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a JSON object; expected {...}; got list"),
    ],
)
def test_what_is_no_json_object_is_one_line_of_the_wanted_kind(content, said, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_json_object(path, "sequence", ConfigError)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DataError, match="the truth cannot be read; got No such file"):
        read_json(tmp_path / "none.json", "truth")
    (tmp_path / "x.toml").write_text("a = ")
    with pytest.raises(ConfigError, match="the configuration is not TOML"):
        read_toml(tmp_path / "x.toml", "configuration", ConfigError)
