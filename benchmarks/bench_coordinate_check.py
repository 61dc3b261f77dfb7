"""Coordinate check: how much activations change in the first steps of training, over networks of different widths.

    python benchmarks/bench_coordinate_check.py [PICTURE.svg]     # prints one JSON line; some two minutes on one core

Yang et al. 2022 (arXiv:2203.03466), appendix D.1: where learning rates do not depend on the width, the root mean square of the
change of every activation since initialisation is the same at every width; where they do, some change grows with it.
Decoders of two layers with heads of one size are trained on one batch, with each optimizer, its rates as they stand and with
``base_width`` = the narrowest.  The exponent is the slope of log change over log width, the largest over the places: 0 is flat.
``ratio`` is the change at the widest over that at the narrowest as the rates stand, divided by the same with base_width.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telos.models import Inputs
from telos.models.transformer import Transformer
from telos.optim.optimizers import Optimizer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(63, "coordinate check", {END_OF_TEXT: 63})
WIDTHS, STEPS, HEAD_SIZE, SEEDS = (64, 128, 256, 512), 5, 16, (1, 2, 3)
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"kind": "adamw", "learning_rate": 3e-3, "weight_decay": 0.0},
    "muon": {"kind": "muon", "head_learning_rate": 8e-3},
}
Sizes = dict[str, float]
"""Place in the network → root mean square of its activations' change."""


def network(width: int, seed: int) -> Any:
    spec = Transformer(num_layers=2, hidden_size=width, num_heads=width // HEAD_SIZE, head_size=HEAD_SIZE,
                       intermediate_size=2 * width, context_length=32)  # fmt: skip
    return spec.build(VOCABULARY, seed)


@contextmanager
def watched(net: Any) -> Iterator[dict[str, torch.Tensor]]:
    """What each attention and feed-forward layer gave last."""
    seen: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        return lambda module, args, result: seen.__setitem__(name, result.detach())

    places = {n: m for n, m in net.named_modules() if n.endswith(("self_attn", "mlp"))}
    handles = [module.register_forward_hook(keep(name)) for name, module in places.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def activations(net: Any, tokens_BT: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad(), watched(net) as seen:
        seen["logits"] = net.over_logits(net.hidden(Inputs(tokens_BT)), lambda logits: logits)
    return seen


def changes(optimizer: Optimizer, width: int, steps: int = STEPS, seed: int = 1) -> Sizes:
    """How far each place's activations are from where they began, after some steps on one batch."""
    net = network(width, seed)
    drawn = torch.Generator().manual_seed(seed)
    stream = torch.randint(VOCABULARY.size, (8, 33), generator=drawn)
    tokens, targets = stream[:, :-1], stream[:, 1:]
    begun = activations(net, tokens)
    updater = optimizer.build(net)
    for _ in range(steps):
        updater.zero_grad()
        net.nll(net.hidden(Inputs(tokens)), targets).mean().backward()
        updater.step(1.0)
    return {name: float((now - begun[name]).square().mean().sqrt()) for name, now in activations(net, tokens).items()}


def exponents(widths: Sequence[int], sizes: Sequence[Sizes]) -> Sizes:
    """Slope of log size over log width at each place."""
    return {name: float(np.polyfit(np.log(widths), np.log([s[name] for s in sizes]), 1)[0]) for name in sizes[0]}


def over_seeds(optimizer: Optimizer, width: int, seeds: Sequence[int] = SEEDS) -> Sizes:
    """Geometric mean of `changes` over seeds."""
    found = [changes(optimizer, width, seed=seed) for seed in seeds]
    return {name: float(np.exp(np.mean([np.log(f[name]) for f in found]))) for name in found[0]}


def draw(path: Path, found: dict[str, list[Sizes]]) -> None:
    """One panel for each optimizer and setting: change of every place over width."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(len(OPTIMIZERS), 2, figsize=(8, 6), sharex=True, sharey="row", squeeze=False)
    for axes, (title, sizes) in zip(panels.flat, found.items(), strict=True):
        for name in sizes[0]:
            axes.loglog(WIDTHS, [s[name] for s in sizes], "o-", label=name.replace("model.layers.", "layer "), markersize=4)
        axes.set_title(title, fontsize=10)
        axes.set_xticks(WIDTHS, [str(w) for w in WIDTHS])
        axes.minorticks_off()
        axes.grid(color="#e5e7ea")
        axes.set_xlabel("width")
    for row in panels:
        row[0].set_ylabel("change of activations (RMS)")
    panels.flat[0].legend(frameon=False, fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main(arguments: list[str]) -> None:
    torch.set_num_threads(1)
    found: dict[str, list[Sizes]] = {}
    line: dict[str, Any] = {"benchmark": "coordinate_check", "widths": WIDTHS, "steps": STEPS, "seeds": len(SEEDS)}
    for name, settings in OPTIMIZERS.items():
        growth = {}
        for scaled in (False, True):
            spec = Optimizer.parse(settings | ({"base_width": WIDTHS[0]} if scaled else {}))
            sizes = [over_seeds(spec, width) for width in WIDTHS]
            found[f"{name}, {'base_width ' + str(WIDTHS[0]) if scaled else 'rates as they stand'}"] = sizes
            slopes = exponents(WIDTHS, sizes)
            place = max(slopes, key=lambda one: slopes[one])
            line[f"{name}_{'scaled' if scaled else 'plain'}"] = {"largest_exponent": round(slopes[place], 3), "place": place}
            growth[scaled] = max(sizes[-1][place] / sizes[0][place] for place in slopes)
        line[f"{name}_ratio"] = round(growth[False] / growth[True], 2)
    if arguments:
        draw(Path(arguments[0]), found)
    print(json.dumps(line))


if __name__ == "__main__":
    main(sys.argv[1:])
