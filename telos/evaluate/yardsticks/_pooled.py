"""One vector a text: the mean of a network's last values over the text, read as the network was trained to read.

    causal            behind what begins every text, each token seeing those before it
    bidirectional     masked, permuted and detecting networks, those that were trained with a prefix, and those that learned of
                      whole texts (classes, pairs …) in both directions, these behind what begins every text
    encoder_decoder   the text as source; the first value of the decoder

Ni et al. 2022, "Sentence-T5" (arXiv:2108.08877), section 3.1 (mean, and the first value of the decoder).
Tests: tests/evaluate/yardsticks/test_pooled.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from telos.evaluate.yardsticks._rows import padded
from telos.evaluate.yardsticks._subject import Subject
from telos.models import Inputs, Pattern
from telos.objectives._paired import Paired

if TYPE_CHECKING:
    from torch import Tensor


def has_values(subject: Subject) -> str | None:
    """None where a network gives values of a text; else the reason why not."""
    if subject.counts:
        return f"{subject.described} counts, and has no values of a text"
    if not subject.model.spec.has_values:
        return f"{subject.described} has no values: its output layer is all of it"
    return None


def pattern_of(subject: Subject) -> Pattern:
    """How the network reads a text here."""
    patterns, objective = subject.model.spec.patterns, subject.objective
    if "encoder_decoder" in patterns:
        return "encoder_decoder"
    if isinstance(objective, Paired):
        both = objective.layout == "prefix"
    else:
        both = objective is not None and objective.pattern(subject.model.spec) != "causal"
    both |= "causal" not in patterns
    return "bidirectional" if both and "bidirectional" in patterns else "causal"


def pooled(subject: Subject, texts: Sequence[np.ndarray]) -> "Tensor":
    """(B, D) fp32, with gradient; ``texts``: ids, of which the first count that the network can read."""
    import torch

    network, pattern, vocabulary = subject.model, pattern_of(subject), subject.model.vocabulary
    device = subject.whole.device
    if pattern == "encoder_decoder":
        ended = [np.append(ids[: network.context_length - 1], vocabulary.end_of_text).astype(np.int64) for ids in texts]
        lengths_B = torch.tensor([len(ids) for ids in ended], device=device)
        begins = torch.full((len(texts), 1), vocabulary.begin_of_text, device=device)
        inputs = Inputs(begins, pattern=pattern, source_BS=padded(ended, device), source_lengths_B=lengths_B)
        return network.hidden(inputs).values_BTD[:, 0].float()
    of_texts = subject.objective is not None and subject.way is None
    first = [] if pattern == "bidirectional" and not of_texts else [vocabulary.begin_of_text]
    longest = network.context_length if subject.longest is None else subject.longest
    rows = [np.concatenate([first, ids]).astype(np.int64)[:longest] for ids in texts]
    rows = [ids if len(ids) else np.array([vocabulary.begin_of_text]) for ids in rows]
    segments_BT = padded([np.ones(len(ids), np.int32) for ids in rows], device, np.int32)
    values_BTD = network.hidden(Inputs(padded(rows, device), segments_BT, pattern)).values_BTD.float()
    if values_BTD.shape[1] != segments_BT.shape[1]:  # it reads a text as a whole
        return values_BTD[:, 0]
    read_BT1 = (segments_BT == 1)[..., None]
    return (values_BTD * read_BT1).sum(1) / read_BT1.sum(1)
