"""Compiled functions: equal to what Python computes, and found again by the next process."""

import os
import subprocess
import sys

import numpy as np

PROGRAM = """
from telos.corpus.kernels.scripts import letters
from telos.corpus.texts import Texts
t = Texts.of(["a中"])
print(letters(t.data, t.offsets).tolist(), sum(letters.stats.cache_hits.values()))
"""


def test_the_second_process_finds_it_compiled(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"XDG_CACHE_HOME": str(tmp_path)}
    printed = [subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True).stdout
               for _ in range(2)]  # fmt: skip
    assert printed == ["[[1, 1]] 0\n", "[[1, 1]] 1\n"]
    assert any((tmp_path / "telos" / "numba").rglob("*.nbc"))


def test_letters_of_any_text():
    from telos.corpus.texts import Texts

    texts = Texts.of(["Hello, world 123", "今天天气 hello", "", "кот и ёж", "ひらがなカタカナ", "𠀀𠀁", "안녕", "🙂…—"])
    from telos.corpus.kernels.scripts import letters

    assert np.array_equal(letters(texts.data, texts.offsets),
                          [[0, 10], [4, 5], [0, 0], [0, 6], [8, 0], [2, 0], [0, 2], [0, 0]])  # fmt: skip


def test_a_change_in_a_called_kernel_is_noticed(tmp_path):
    """Numba's own check looks at the file of the kernel that is called, alone."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "outer.py").write_text(
        "from inner import f\nfrom telos.foundation.compiled import compiled\n@compiled\ndef g(x):\n    return f(x)\n"
    )
    program = f"import sys; sys.path.insert(0, {str(package)!r}); from outer import g; print(g(1))"
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"XDG_CACHE_HOME": str(tmp_path)}
    printed = []
    for number in (2, 3):
        source = f"from telos.foundation.compiled import compiled\n@compiled\ndef f(x):\n    return x + {number}\n"
        (package / "inner.py").write_text(source)
        printed.append(subprocess.run([sys.executable, "-B", "-c", program], env=environment, capture_output=True, text=True,
                                      check=True).stdout)  # fmt: skip
    assert printed == ["3\n", "4\n"]
