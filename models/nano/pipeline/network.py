"""The network: a transformer as Llama's (RMS norm, rotary positions, SwiGLU), with tied embeddings.

Everything follows llama.cpp's architecture `llama`, so that the exported file means there what it means here.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

# A thousand times that of the first Llama: of the 32 pairs of a head 18 then hardly turn within a thousand tokens,
# and can tell what a token is wherever it stands. What is looked up is so learnt in fewer updates.
ROPE_BASE = 1e7
EPSILON = 1e-5


@dataclass(frozen=True)
class Shape:
    """The sizes of a network."""

    vocabulary: int
    width: int = 128
    layers: int = 6
    heads: int = 2
    feed_forward: int = 384

    @property
    def head(self) -> int:
        """The width of one head."""
        return self.width // self.heads


def begin(shape: Shape, key: jax.Array) -> dict:
    """Weights to begin training with."""
    keys = iter(jax.random.split(key, 1 + 7 * shape.layers))
    width, wide = shape.width, shape.feed_forward

    def matrix(rows: int, columns: int, scale: float) -> jax.Array:
        return jax.random.normal(next(keys), (rows, columns)) * scale

    back = (2 * shape.layers) ** -0.5
    layers = [
        {
            "attn_norm": jnp.ones(width),
            "ffn_norm": jnp.ones(width),
            **{name: matrix(width, width, width**-0.5) for name in ("attn_q", "attn_k", "attn_v")},
            "attn_output": matrix(width, width, width**-0.5 * back),
            **{name: matrix(width, wide, width**-0.5) for name in ("ffn_gate", "ffn_up")},
            "ffn_down": matrix(wide, width, wide**-0.5 * back),
        }
        for _ in range(shape.layers)
    ]
    embedding = matrix(shape.vocabulary, width, 0.1)
    return {"token_embd": embedding, "output_norm": jnp.ones(width), "layers": layers}


def parameters(weights: dict) -> int:
    """How many numbers it has learnt."""
    return sum(leaf.size for leaf in jax.tree.leaves(weights))


def logits(shape: Shape, weights: dict, tokens: jax.Array) -> jax.Array:
    """Scores of what comes next, at every place of every row."""
    rows, length = tokens.shape
    turn = _rotation(length, shape.head)
    visible = jnp.tril(jnp.ones((length, length), bool))

    def layer(stream: jax.Array, its: dict) -> jax.Array:
        normed = _norm(stream, its["attn_norm"])
        joined = normed @ jnp.concatenate([its["attn_q"], its["attn_k"], its["attn_v"]], 1)
        query, key, value = (
            part.reshape(rows, length, shape.heads, shape.head).swapaxes(1, 2)
            for part in jnp.split(joined, 3, -1)
        )
        scores = jnp.einsum("rhtd,rhsd->rhts", _rotated(query, turn) * shape.head**-0.5, _rotated(key, turn))
        weight = jax.nn.softmax(jnp.where(visible, scores, -1e9), -1)
        mixed = jnp.einsum("rhts,rhsd->rhtd", weight, value)
        mixed = mixed.swapaxes(1, 2).reshape(rows, length, shape.width)
        stream = stream + mixed @ its["attn_output"]
        normed = _norm(stream, its["ffn_norm"])
        gate, up = jnp.split(normed @ jnp.concatenate([its["ffn_gate"], its["ffn_up"]], 1), 2, -1)
        return stream + (jax.nn.silu(gate) * up) @ its["ffn_down"]

    stream = weights["token_embd"][tokens]
    for its in weights["layers"]:
        stream = layer(stream, its)
    return _norm(stream, weights["output_norm"]) @ weights["token_embd"].T


def _norm(stream: jax.Array, scale: jax.Array) -> jax.Array:
    return stream * jax.lax.rsqrt(jnp.mean(stream * stream, -1, keepdims=True) + EPSILON) * scale


def _rotation(length: int, head: int) -> tuple[jax.Array, jax.Array]:
    angles = jnp.arange(length)[:, None] * ROPE_BASE ** (-jnp.arange(0, head, 2) / head)[None]
    return jnp.cos(angles), jnp.sin(angles)


def _rotated(heads: jax.Array, turn: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Turns pairs of neighbours, as llama.cpp does for this architecture."""
    (cosine, sine), (even, odd) = turn, (heads[..., 0::2], heads[..., 1::2])
    turned = jnp.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1)
    return turned.reshape(heads.shape)
