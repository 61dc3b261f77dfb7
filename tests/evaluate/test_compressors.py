"""Sizes of compressed texts against the libraries and, where installed, the command-line tools."""

import gzip
import lzma
import shutil
import subprocess
import sys

import numpy as np
import pytest

from telos.evaluate.compressors import fork_sizes, gzip_bytes, joined, xz_bytes, xz_primed_bytes


def text(seed: int, words: int) -> bytes:
    """Words of English and Chinese in a random order."""
    known = [
        "the",
        "of",
        "language",
        "model",
        "语言",
        "模型",
        "文本",
        "训练",
        "entropy",
        "春眠不觉晓",
        "compressor",
        ",",
        ".",
        "\n",
    ]
    return " ".join(np.random.default_rng(seed).choice(known, words)).encode()


@pytest.mark.parametrize("words", [0, 1, 3000])
def test_sizes_are_those_of_the_formats(words: int):
    data = text(1, words)
    assert gzip_bytes(data) == len(gzip.compress(data, 9))
    assert xz_bytes(data) == len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


@pytest.mark.parametrize("tool", [["gzip", "-9nc"], ["xz", "-9ec", "-T1", "--check=crc64"]], ids=["gzip", "xz"])
def test_sizes_are_those_of_the_tools(tool: list[str]):
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    data = text(2, 20_000)
    expected = len(subprocess.run(tool, input=data, stdout=subprocess.PIPE, check=True).stdout)
    found = gzip_bytes(data) if tool[0] == "gzip" else xz_bytes(data)
    assert found == pytest.approx(expected, rel=2e-3, abs=24)  # implementations of deflate differ by a few bytes


def test_primed_is_the_difference_of_two_whole_compressions():
    train, test = text(3, 20_000), text(4, 3_000)
    both, alone = xz_bytes(train + test), xz_bytes(train)
    assert xz_primed_bytes(train, test) == both - alone
    assert xz_primed_bytes(train, test) < xz_bytes(test)
    assert xz_primed_bytes(b"", test) == xz_bytes(test) - xz_bytes(b"")


def test_fork_gives_both_sizes():
    code = "from telos.evaluate.compressors import fork_sizes; print(*fork_sizes(b'ab' * 500, b'cd' * 90))"
    found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout.split()
    assert [int(n) for n in found] == [xz_bytes(b"ab" * 500), xz_bytes(b"ab" * 500 + b"cd" * 90)]
    assert fork_sizes.__doc__ is not None


def test_only_the_end_of_a_long_training_text_primes(monkeypatch):
    monkeypatch.setattr("telos.evaluate.compressors.PRIMING_BYTES", 2000)
    train, test = bytes(5000) + text(5, 5000), text(6, 500)
    assert xz_primed_bytes(train, test) == xz_bytes(train[-2000:] + test) - xz_bytes(train[-2000:])


def test_every_document_is_ended():
    assert joined(["明月", "", "ab"]) == "明月\0\0ab\0".encode()
    assert joined(["\ud800"]) == b"?\0"
