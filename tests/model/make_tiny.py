"""Makes a tiny language model of random weights: a llama-architecture GGUF of less than 1 MB.

    python make_tiny.py OUT.gguf

It knows nothing. What it is for: llama.cpp loads it in a blink and serves it like any other model, so
that tests meet the real protocol, the real chat template, real grammars and real token counts. The same
seed always gives the same file.

The tokenizer is byte-level BPE, as GPT-2's, whose merges only spell the words in WORDS. The weights are
random but for three dimensions of the residual stream, to which no layer writes. Dimension 0 is a
constant, through which every token gets a fixed bias on its logit: words are likely, stray bytes are not, a
turn ends after some 30 tokens. Dimension 1 says that a tool call has just ended, and ends the turn.
Dimension 2 says that there was only white space, as at the start of a turn, and keeps it from ending: no
answer is empty.

By itself it calls no tool. A request makes it do so with `"logit_bias": {"3": 100}`, as token 3 opens a
tool call, and `"parallel_tool_calls": false`, as it would open another one.
"""

import pathlib
import sys

import gguf
import numpy

SEED = 1
CONTEXT = 32768
WIDTH, LAYERS, HEADS, KV_HEADS, FEED_FORWARD = 64, 2, 4, 2, 160

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKERS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
WORDS = """
    a and any at but by day deep down every far field for from gate grass hazel he hill in into its
    late leaf light little long moon moss mouse near nest night not of old on one or out over oak past
    quiet rain road root round seed she sleep slow snow so soft some stone sun tail the then they
    through to tree under until up wake warm was water we when while wind winter with wood you
""".split()

# How likely tokens are: added to their logits.
WORD_BIAS, CHARACTER_BIAS, QUOTE_BIAS, END_BIAS, NEVER = 0.0, -3.0, 0.2, 0.2, -30.0


def byte_alphabet():
    """The printable stand-in that GPT-2's byte-level BPE uses for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


def vocabulary():
    """Returns tokens, their types, their biases, and the merges."""
    alphabet = byte_alphabet()
    tokens = {token: NEVER for token in CONTROL + MARKERS}
    tokens["<|im_end|>"] = END_BIAS
    for byte, character in alphabet.items():
        tokens[character] = CHARACTER_BIAS if 32 <= byte < 127 else NEVER
    tokens['"'] = QUOTE_BIAS
    # Where a grammar wants a marker, it is to be the marker's own token, not its spelling.
    tokens["<"] = 2 * NEVER
    merges = []
    for word in WORDS:
        spelled = alphabet[ord(" ")] + word
        for end in range(2, len(spelled) + 1):
            if spelled[:end] not in tokens:
                merges.append(f"{spelled[: end - 1]} {spelled[end - 1]}")
                tokens[spelled[:end]] = NEVER
        tokens[spelled] = WORD_BIAS
    kinds = {token: gguf.TokenType.CONTROL for token in CONTROL}
    kinds |= {token: gguf.TokenType.USER_DEFINED for token in MARKERS}
    types = [kinds.get(token, gguf.TokenType.NORMAL) for token in tokens]
    return list(tokens), types, numpy.array(list(tokens.values()), numpy.float32), merges


def write_description(out, tokens, types, merges):
    """Everything but the weights."""
    out.add_name("dormouse-tiny")
    out.add_license("Apache-2.0")
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(FEED_FORWARD)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_list(tokens)
    out.add_token_types(types)
    out.add_token_merges(merges)
    out.add_bos_token_id(CONTROL.index("<|im_start|>"))
    out.add_eos_token_id(CONTROL.index("<|im_end|>"))
    out.add_pad_token_id(CONTROL.index("<|endoftext|>"))
    out.add_add_bos_token(False)
    out.add_chat_template(pathlib.Path(__file__).with_name("chat_template.jinja").read_text())


def write_weights(out, tokens, biases):
    """The tensors, in llama.cpp's names."""
    random = numpy.random.default_rng(SEED)

    def matrix(rows, columns, scale):
        return (random.standard_normal((rows, columns)) * scale).astype(numpy.float32)

    def into_stream(columns):
        weights = matrix(WIDTH, columns, columns**-0.5)
        weights[:3] = 0
        return weights

    ones = numpy.ones(WIDTH, numpy.float32)
    embedding, output = matrix(len(biases), WIDTH, 1.0), matrix(len(biases), WIDTH, 0.2)
    embedding[:, 0], output[:, 0] = 3.0, biases
    embedding[:, 1:3], output[:, 1:3] = 0.0, 0.0
    embedding[tokens.index("</tool_call>"), 1] = output[tokens.index("<|im_end|>"), 1] = 20.0
    for blank in (" ", "\n"):
        embedding[tokens.index(byte_alphabet()[ord(blank)]), 2] = 6.0
    output[tokens.index("<|im_end|>"), 2] = -20.0
    out.add_tensor("token_embd.weight", embedding)
    out.add_tensor("output_norm.weight", ones)
    out.add_tensor("output.weight", output)
    scale, kv_width = WIDTH**-0.5, WIDTH * KV_HEADS // HEADS
    for layer in range(LAYERS):
        for name, tensor in {
            "attn_norm": ones,
            "attn_q": matrix(WIDTH, WIDTH, scale),
            "attn_k": matrix(kv_width, WIDTH, scale),
            "attn_v": matrix(kv_width, WIDTH, scale),
            "attn_output": into_stream(WIDTH),
            "ffn_norm": ones,
            "ffn_gate": matrix(FEED_FORWARD, WIDTH, scale),
            "ffn_up": matrix(FEED_FORWARD, WIDTH, scale),
            "ffn_down": into_stream(FEED_FORWARD),
        }.items():
            out.add_tensor(f"blk.{layer}.{name}.weight", tensor)


def main():
    """Writes the model to the path on the command line."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tokens, types, biases, merges = vocabulary()
    out = gguf.GGUFWriter(sys.argv[1], "llama")
    write_description(out, tokens, types, merges)
    write_weights(out, tokens, biases)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main()
