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


@pytest.mark.parametrize(
    ("paths", "kind", "means"),
    [
        (["a.warc.gz"], "warc", {"kind": "warc", "path": "a.warc.gz"}),
        (["list.paths.gz"], "warc", {"kind": "warc", "paths": "list.paths.gz"}),
        (["OWNER/NAME"], "hugging_face", {"kind": "hugging_face", "name": "OWNER/NAME"}),
        (["https://example.org/a.warc"], "web", {"kind": "web", "start": "https://example.org/a.warc"}),
        (["a", "hf://b/c"], "files", {"kind": "files", "path": ["a", "hf://b/c"]}),
        (["a"], "fils", {"kind": "files", "path": "a"}),
    ],
)
def test_a_kind_that_is_named_has_the_last_word(paths, kind, means):
    assert source_of(paths, ["corpus.keep=x", f"corpus.kind={kind}"]) == means


@pytest.mark.parametrize("kind", ["installation", "mixture", "sql"])
def test_texts_on_the_command_line_are_not_passed_over(kind):
    with pytest.raises(TelosError) as error:
        source_of(["texts/", "b"], [f"corpus.kind={kind}"])
    assert error.value.must == f"a source of kind {kind} has no place for texts on the command line"
    assert (error.value.found, error.value.fix) == ("texts/, b", f"leave them out, or leave corpus.kind={kind} out")


@pytest.mark.parametrize("names", [["dataset_dict.json"], ["dataset_info.json", "state.json"]])
def test_a_folder_that_a_dataset_was_saved_to(tmp_path, names):
    (tmp_path / "dataset_info.json").write_text("{}") if "dataset_dict.json" not in names else None
    assert source_of([str(tmp_path)])["kind"] == "files"
    for name in names:
        (tmp_path / name).write_text("{}")
    assert source_of([str(tmp_path)]) == {"kind": "hugging_face", "name": str(tmp_path)}


def test_a_source_named_beside_a_recipe(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("corpus: {kind: files, path: there, include: '*.md'}\nclean: {filters: [symbols]}\n")
    assert over_file({"kind": "files", "path": "here"}, recipe)["corpus"] == {"kind": "files", "path": "here", "include": "*.md"}
    assert over_file({"kind": "web", "start": "https://a.b"}, recipe)["corpus"] == {"kind": "web", "start": "https://a.b"}
    assert over_file(None, recipe)["corpus"]["path"] == "there"
    assert over_file(None, None)["corpus"] == {"kind": "installation"}
