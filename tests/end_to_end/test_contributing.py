"""The worked example in CONTRIBUTING.md is real: put into the tree as it stands there, it passes its tests and trains."""

import importlib.util
import re
import sys
from types import ModuleType

import numpy as np
import pytest

import telos.objectives
from telos.objectives import Objective


@pytest.fixture
def example(root, tmp_path, monkeypatch) -> ModuleType:
    """The example's files in folders of their own, its objective in the family; gives the module of its tests."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^```python (\S+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    assert set(files) == {"telos/objectives/focal.py", "tests/objectives/test_focal.py"}
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(code, encoding="utf-8")
    monkeypatch.setattr(telos.objectives, "__path__", [*telos.objectives.__path__, str(tmp_path / "telos/objectives")])
    monkeypatch.delitem(sys.modules, "telos.objectives.focal", raising=False)
    spec = importlib.util.spec_from_file_location("test_focal", tmp_path / "tests/objectives/test_focal.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("telos.objectives.focal", None)


def test_its_tests_pass(example):
    tests = [function for name, function in vars(example).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_its_tests_can_fail(example, monkeypatch):
    from telos.objectives.causal import Causal

    monkeypatch.setattr(Objective.member("focal"), "loss", Causal.loss)
    with pytest.raises(AssertionError):
        example.test_the_formula()


def test_it_is_a_member_and_trains(example):
    import torch

    from telos.models.transformer import Transformer
    from telos.objectives import collate

    assert "focal" in Objective.kinds()
    objective = Objective.parse({"kind": "focal", "focus": 1})
    assert objective.dump() == {"kind": "focal", "terms": [], "mask_documents": True, "focus": 1.0}
    network = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=8).build(example.VOCABULARY, seed=3)
    row = example.Row(np.arange(8, dtype=np.uint16), 20, np.zeros(8, np.int64), 0)
    rng = np.random.default_rng(0)
    batch = collate([objective.examples(row, rng, example.VOCABULARY)])
    optimizer, losses = torch.optim.AdamW(network.parameters(), lr=0.01), []
    for _ in range(12):
        loss = objective.loss(network, batch, rng).terms["nll"][0] / objective.weights(batch)["nll"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
