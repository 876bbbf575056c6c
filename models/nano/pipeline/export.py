"""Export: the weights as a GGUF file of llama.cpp's architecture `llama`, matrices in Q8_0.

Field and tensor names are those of the GGUF specification and of llama.cpp's `gguf-py`.
"""

import hashlib
import os
from pathlib import Path

import gguf
import numpy

from . import network
from .chat import CONTROL, END, PAD, START
from .network import Shape
from .vocabulary import Vocabulary

NAME = "dormouse-nano"
CONTEXT = 4096
TEMPLATE = Path(__file__).with_name("chat_template.jinja")
# llama.cpp wants a merge. These bytes are never beside each other in UTF-8.
_NO_MERGE = bytes([0xFE, 0xFF])
_QUANTISED = gguf.GGMLQuantizationType.Q8_0


def export(shape: Shape, weights: dict, path: Path) -> str:
    """Writes the file, in place of the one before. Returns its SHA-256."""
    new = path.with_name(path.name + ".new")
    out = gguf.GGUFWriter(str(new), "llama")
    _describe(out, shape)
    _vocabulary(out, Vocabulary.read())
    _tensors(out, weights)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    os.replace(new, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def byte_alphabet() -> list[str]:
    """The printable stand-in that GPT-2's byte-level BPE uses for each byte."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(256)]


def _describe(out: gguf.GGUFWriter, shape: Shape) -> None:
    out.add_name(NAME)
    out.add_license("Apache-2.0")
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    out.add_context_length(CONTEXT)
    out.add_embedding_length(shape.width)
    out.add_block_count(shape.layers)
    out.add_feed_forward_length(shape.feed_forward)
    out.add_head_count(shape.heads)
    out.add_head_count_kv(shape.heads)
    out.add_layer_norm_rms_eps(network.EPSILON)
    out.add_rope_freq_base(network.ROPE_BASE)
    out.add_rope_dimension_count(shape.head)
    out.add_vocab_size(shape.vocabulary)
    out.add_chat_template(TEMPLATE.read_text())
    # The likeliest token, unless a request says otherwise: what it has learnt has one right form.
    out.add_sampling_temp(0.0)


def _vocabulary(out: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    alphabet = byte_alphabet()
    kinds = gguf.TokenType
    types = (
        [kinds.CONTROL] * len(CONTROL) + [kinds.NORMAL] * 256 + [kinds.USER_DEFINED] * len(vocabulary.whole)
    )
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_list([*CONTROL, *alphabet, *vocabulary.whole])
    out.add_token_types(types)
    out.add_token_merges([" ".join(alphabet[byte] for byte in _NO_MERGE)])
    out.add_bos_token_id(CONTROL.index(START))
    out.add_eos_token_id(CONTROL.index(END))
    out.add_pad_token_id(CONTROL.index(PAD))
    out.add_add_bos_token(False)


def _tensors(out: gguf.GGUFWriter, weights: dict) -> None:
    def add(name: str, tensor: numpy.ndarray) -> None:
        tensor = numpy.ascontiguousarray(tensor, numpy.float32)
        if tensor.ndim == 1:
            out.add_tensor(name, tensor)
        else:
            out.add_tensor(name, gguf.quants.quantize(tensor, _QUANTISED), raw_dtype=_QUANTISED)

    add("token_embd.weight", weights["token_embd"])
    add("output_norm.weight", weights["output_norm"])
    for at, layer in enumerate(weights["layers"]):
        for name, tensor in layer.items():
            # A layer multiplies from the left there, from the right here.
            add(f"blk.{at}.{name}.weight", tensor.T)
