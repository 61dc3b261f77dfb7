"""Floating-point operations of a forward pass."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telos.models.stacks.network import TransformerNetwork


def flops_per_token(network: "TransformerNetwork", context: int) -> float:
    """2 per weight of every matrix product (an embedding is a look-up, and of the experts only those that a token uses), and
    2·2·H·K a layer for scores and mixing per key that is seen: context/2 on average under a causal mask, fewer in a window.
    An encoder-decoder's is for a token of the text and one of a source of equal length."""
    spec, roles = network.spec, network.roles()
    products = 0.0
    for name, parameter in network.named_parameters():
        if parameter.ndim == 2 and roles[name] != "embedding":
            products += parameter.numel() * (network.routed_fraction if ".experts." in name else 1.0)
    products += network.head_weight.numel() if network.lm_head is None else 0
    causal = spec.architecture != "encoder"
    keys = sum(_seen(context, spec.window(layer), causal) for layer in range(spec.num_layers))
    if network.encoder is not None:
        encoder_layers = len(list(network.encoder.layers))
        keys += sum(_seen(context, spec.window(layer), False) for layer in range(encoder_layers)) + spec.num_layers * context
    return 2.0 * products + 4.0 * spec.num_heads * spec.resolved_head_size * keys


def _seen(context: int, window: int | None, causal: bool) -> float:
    """Keys that a query of a row sees, on average."""
    if causal:
        reach = context if window is None else min(window, context)
        return reach - reach * reach / (2 * context)
    return context if window is None else min(context, 2 * (window // 2) + 1)
