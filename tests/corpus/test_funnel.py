import pytest

from telos.corpus.funnel import Stage


def test_sums() -> None:
    stage = Stage("clean")
    stage.keep(10, 8)
    stage.keep(100, 120, documents=3)
    stage.drop("empty", 5)
    stage.drop("part", 7, documents=0)
    assert stage.as_dict() == {
        "stage": "clean", "documents_in": 5, "documents_out": 4, "bytes_in": 122, "bytes_out": 128, "rewritten_bytes": 18,
        "dropped": {"empty": 1, "part": 0}, "dropped_bytes": {"empty": 5, "part": 7}}  # fmt: skip


@pytest.mark.parametrize("name", ["documents_out", "bytes_out", "documents_in", "bytes_in"])
def test_a_lost_document_or_byte_is_noticed(name: str) -> None:
    stage = Stage("read")
    stage.keep(10, 10)
    setattr(stage, name, getattr(stage, name) + 1)
    with pytest.raises(AssertionError):
        stage.as_dict()
