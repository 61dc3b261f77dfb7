"""What paths and addresses on a command line mean."""

import pytest

from telos.foundation.errors import TelosError
from telos.recipe import over_file, source_of


@pytest.mark.parametrize(
    ("paths", "means"),
    [
        ([], None),
        (["a/"], {"kind": "files", "path": "a/"}),
        (["a/", "b.txt"], {"kind": "files", "path": ["a/", "b.txt"]}),
        (["hf://a/b"], {"kind": "hugging_face", "name": "hf://a/b"}),
        (["https://example.org/"], {"kind": "web", "start": "https://example.org/"}),
        (["HTTPS://example.org/a.warc.gz"], {"kind": "warc", "path": "HTTPS://example.org/a.warc.gz"}),
        (["https://example.org/wet.paths.gz"], {"kind": "warc", "paths": "https://example.org/wet.paths.gz"}),
    ],
)
def test_addresses(paths, means):
    assert source_of(paths) == means


@pytest.mark.parametrize("paths", [["a", "https://example.org"], ["hf://a/b", "hf://c/d"]])
def test_several_kinds_are_a_mixture(paths):
    with pytest.raises(TelosError, match=r"corpus\.kind=mixture"):
        source_of(paths)


def test_a_source_named_beside_a_recipe(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("corpus: {kind: files, path: there, include: '*.md'}\nclean: {filters: [symbols]}\n")
    assert over_file({"kind": "files", "path": "here"}, recipe)["corpus"] == {"kind": "files", "path": "here", "include": "*.md"}
    assert over_file({"kind": "web", "start": "https://a.b"}, recipe)["corpus"] == {"kind": "web", "start": "https://a.b"}
    assert over_file(None, recipe)["corpus"]["path"] == "there"
    assert over_file(None, None)["corpus"] == {"kind": "installation"}
