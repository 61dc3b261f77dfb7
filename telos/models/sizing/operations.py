"""Operations of matrix products, counted by torch as they are dispatched, forward and backward.

A product of (n, k) and (k, m) is 2 n k m operations; a step of attention counts whole, though a causal one needs half.
Tests: tests/lab/test_budget.py (a step by hand), tests/plan/test_sizes.py (what terms add).
"""

from typing import Any


def counter() -> Any:
    """A context whose ``get_total_flops()`` says what was done within."""
    import torch
    from torch.utils import flop_counter

    attention = {  # the kernels of a processor, which torch's counter does not know by itself
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: flop_counter.sdpa_flop,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: flop_counter.sdpa_backward_flop,
    }
    return flop_counter.FlopCounterMode(display=False, custom_mapping=attention)
