"""Errors of three parts, and optional packages."""

import pytest

from telos.foundation.errors import MissingExtra, TelosError, nearest, require


def test_three_lines():
    error = TelosError("a file must be UTF-8", "'a.txt' is not", "save it as UTF-8")
    assert str(error) == "a file must be UTF-8\n  found: 'a.txt' is not\n  to do: save it as UTF-8"
    assert error.exit_code == 2


def test_a_missing_extra_names_the_command():
    with pytest.raises(MissingExtra) as error:
        require("no_such_package.part", extra="export", feature="GGUF export")
    assert error.value.must == "GGUF export needs the Python package 'no_such_package.part'"
    assert error.value.fix == "in the clone of Telos: pip install -c constraints.txt -e '.[export]'"
    assert isinstance(error.value, TelosError)


def test_a_package_that_is_there_but_broken_says_so_itself(tmp_path, monkeypatch):
    """Its own missing import is not ours: the wrong command would be recommended."""
    (tmp_path / "half_there.py").write_text("import surely_missing_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_missing_package"):
        require("half_there", extra="export", feature="x")
    assert require("json", extra="x", feature="x").loads("1") == 1


def test_the_nearest_name():
    assert nearest("learning_rat", ["learning_rate", "seed"]) == "learning_rate"
    assert nearest("zzz", ["learning_rate", "seed"]) is None
    assert nearest("LSTM", ["gru", "lstm"]) == "lstm"
    assert nearest("qwen3", ["Qwen2", "QWEN3"]) == "Qwen2"  # what is near as it is written comes first
