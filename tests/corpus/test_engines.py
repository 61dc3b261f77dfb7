"""Engines: the same corpus from one worker, several, and Ray; a worker that dies takes nothing with it."""

import os
import subprocess
import sys

import pytest

from telos.corpus.engines import Engine
from telos.corpus.engines.native import Native
from telos.corpus.engines.ray import Ray
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError

PROGRAM = """
import os, sys
from telos.corpus import inputs
from telos.corpus.engines import Engine
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files
from telos.corpus.clean import Clean

inputs.BUCKET_BYTES = 4000
if __name__ == "__main__":
    engine = Engine.parse({"kind": sys.argv[3], "workers": int(sys.argv[4])})
    corpus = build_corpus(Files(sys.argv[1]), Clean(broken="quarantine"), out=sys.argv[2], engine=engine)
    print(corpus.hash, corpus.facts["quarantined"])
"""


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def program(*arguments, **environment):
    done = subprocess.run([sys.executable, "-c", PROGRAM, *map(str, arguments)], env=os.environ | environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_workers_change_nothing(many, tmp_path):
    for workers in (1, 2, 4):
        program(many, tmp_path / f"{workers}", "native", workers)
        assert contents(tmp_path / f"{workers}") == contents(tmp_path / "1")
    assert len(contents(tmp_path / "1")) > 6


@pytest.mark.long
def test_ray_changes_nothing(many, tmp_path):
    pytest.importorskip("ray")
    program(many, tmp_path / "native", "native", 1)
    program(many, tmp_path / "ray", "ray", 2)
    assert contents(tmp_path / "native") == contents(tmp_path / "ray")


def test_an_input_on_which_workers_die_is_quarantined(many, tmp_path):
    """A named pipe's worth of poison: reading this file kills the process, as a library's crash or the kernel would."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if any('udf_worker' in a for a in sys.orig_argv):\n"
        "    from telos.corpus.formats import text\n"
        "    whole = text.read\n"
        "    def read(stream, name, fields):\n"
        "        if name.endswith('3/003.txt'):\n"
        "            os.kill(os.getpid(), 9)\n"
        "        yield from whole(stream, name, fields)\n"
        "    text.read = read\n"
    )
    path = os.pathsep.join([str(tmp_path), os.getcwd(), os.environ.get("PYTHONPATH", "")])
    printed = program(many, tmp_path / "out", "native", 2, PYTHONPATH=path)
    assert printed.endswith("[{'source': '3/003.txt', 'reason': 'worker_died', 'bytes': 291}]"), printed
    whole = build_corpus(Files(many, exclude="003.txt"), out=tmp_path / "whole", engine=Native(workers=1))
    assert printed.split()[0] == whole.hash


def test_a_ray_address_that_does_not_answer(many, tmp_path):
    pytest.importorskip("ray")
    with pytest.raises(TelosError) as error:
        build_corpus(Files(many), out=tmp_path / "out", engine=Ray(address="127.0.0.1:9"))
    assert error.value.must == "a Ray cluster must answer at engine.address"
    assert "127.0.0.1:9: Connection refused" in error.value.found
    with pytest.raises(TelosError, match="must be ray://HOST:PORT"):
        build_corpus(Files(many), out=tmp_path / "out", engine=Engine.parse({"kind": "ray", "address": "somewhere"}))
    assert [p.name for p in tmp_path.iterdir()] == ["many"]
