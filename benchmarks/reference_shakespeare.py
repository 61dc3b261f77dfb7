"""The reference recipe on tinyshakespeare by characters: transformers' GPT-2, written from its published settings.

4 layers, 4 heads, 128 wide, context 64, batch 12, 2,000 steps, AdamW 1e-3 → 1e-4 (cosine, warm-up 100), betas 0.9/0.99,
weight decay 0.1 on matrices, gradient clipping at 1, no dropout, fp32, random windows: nanoGPT's recipe for a processor
(github.com/karpathy/nanoGPT, README, "I only have a macbook"; there it ends at 1.88 nats per character).

Nothing is slowed down: all cores, the fused AdamW, scaled-dot-product attention, transformers' own loss left out (it would
predict 63 of 64 positions).  Prints one JSON line; ``seconds`` runs from the start of the process, with raw text, to the figure.

    python benchmarks/reference_shakespeare.py ../shared/data/tinyshakespeare/input.txt
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from telos.foundation import machine

CONTEXT, BATCH, STEPS, WARMUP_STEPS = 64, 12, 2000, 100
PEAK, FLOOR = 1e-3, 1e-4


def learning_rate(step: int, steps: int = STEPS) -> float:
    """Linear warm-up to PEAK, then half a cosine down to FLOOR; ``step`` counts from 0."""
    warmup = min(WARMUP_STEPS, steps)
    if step < warmup:
        return PEAK * (step + 1) / (warmup + 1)
    return FLOOR + 0.5 * (PEAK - FLOOR) * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def read(path: Path) -> tuple[torch.Tensor, torch.Tensor, int]:
    """(training characters, validation characters, alphabet size): the first 90 % and the last 10 % of the text."""
    text = path.read_text(encoding="utf-8")
    alphabet = {character: i for i, character in enumerate(sorted(set(text)))}
    ids = torch.from_numpy(np.array([alphabet[character] for character in text], dtype=np.int64))
    cut = int(0.9 * len(ids))
    return ids[:cut], ids[cut:], len(alphabet)


def build(vocabulary_size: int) -> tuple[GPT2LMHeadModel, torch.optim.AdamW]:
    """The network and its optimizer."""
    network = GPT2LMHeadModel(
        GPT2Config(vocab_size=vocabulary_size, n_positions=CONTEXT, n_embd=128, n_layer=4, n_head=4, use_cache=False,
                   resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None)
    )  # fmt: skip
    matrices = [p for p in network.parameters() if p.dim() >= 2]
    vectors = [p for p in network.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return network, torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99), fused=True)


def train(network: GPT2LMHeadModel, optimizer: torch.optim.AdamW, ids: torch.Tensor, steps: int, seed: int) -> None:
    """``steps`` updates on random windows."""
    generator = torch.Generator().manual_seed(seed)
    offsets = torch.arange(CONTEXT + 1)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        starts = torch.randint(len(ids) - CONTEXT, (BATCH, 1), generator=generator)
        windows = ids[starts + offsets]
        logits = network(windows[:, :-1]).logits
        loss = functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


@torch.inference_mode()
def validate(network: GPT2LMHeadModel, ids: torch.Tensor) -> float:
    """Nats per character over the whole validation text, in windows of CONTEXT that do not overlap."""
    network.eval()
    inputs, targets = ids[:-1], ids[1:]
    whole = len(inputs) // CONTEXT * CONTEXT
    total = 0.0
    parts = [(inputs[:whole].view(-1, CONTEXT), targets[:whole].view(-1, CONTEXT)), (inputs[None, whole:], targets[None, whole:])]
    for part, wanted in parts:
        for x, y in zip(part.split(256), wanted.split(256), strict=True):
            if x.numel():
                total += float(functional.cross_entropy(network(x).logits.flatten(0, 1), y.flatten(), reduction="sum"))
    return total / len(targets)


def main() -> None:
    parser = argparse.ArgumentParser(description="The reference recipe on tinyshakespeare by characters.")
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=machine.cores())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    training, validation, size = read(arguments.text)
    network, optimizer = build(size)
    train(network, optimizer, training, arguments.steps, arguments.seed)
    nats_per_character = validate(network, validation)
    print(json.dumps({"nats_per_char": round(nats_per_character, 4), "seconds": round(time.time() - machine.process_started(), 2),
                      "steps": arguments.steps, "threads": torch.get_num_threads(),
                      "parameters": sum(p.numel() for p in network.parameters())}))  # fmt: skip


if __name__ == "__main__":
    main()
