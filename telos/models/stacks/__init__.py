"""How a Transformer is put together from telos/layers: `block` one layer, `stack` embedding, layers and last norm, `state`
what decoding keeps, `network` the whole with its head.  Not a family: `telos.models.transformer` is the member that uses
it."""
