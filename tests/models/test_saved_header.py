"""A safetensors whose header has the length that a pickle begins with is no pickle."""

import pytest
import torch
from safetensors.torch import save_file

from telos.foundation.errors import TelosError
from telos.models.saved.tensors import WEIGHTS, read_tensors


@pytest.mark.parametrize("length", [0x280, 0x380, 0x480, 0x580])
def test_a_header_of_any_length(tmp_path, length):
    for padding in range(2 * length):
        save_file({"a": torch.ones(2)}, tmp_path / WEIGHTS, metadata={"note": "x" * padding})
        if int.from_bytes((tmp_path / WEIGHTS).read_bytes()[:8], "little") == length:
            break
    else:
        raise AssertionError("no such header could be made")
    assert torch.equal(read_tensors(tmp_path)["a"], torch.ones(2))


def test_a_pickle_is_one(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / WEIGHTS)
    with pytest.raises(TelosError, match="a pickle"):
        read_tensors(tmp_path)
