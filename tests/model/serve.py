"""Serves a model with llama.cpp's own HTTP server, in this process.

    python serve.py MODEL.gguf [--host HOST] [--port N] [--parallel N] [--context N] [--threads N]
        [--embeddings] [--exact] [--stay]

Prints `llama.cpp server listens on http://127.0.0.1:PORT` when it can answer, and ends when its standard
input ends: whoever started it holds the other end of that pipe, so no server outlives its test. With
`--stay` it runs until it is killed, as llama-server does.
"""

import argparse
import os
import pathlib
import signal
import sys

import xllamacpp


def parameters(arguments):
    """llama.cpp's settings: small, on the CPU, with tools, slots and metrics."""
    settings = xllamacpp.CommonParams()
    settings.model.path = arguments.model
    settings.model_alias = {pathlib.Path(arguments.model).stem}
    settings.hostnames = [arguments.host]
    settings.port = arguments.port
    settings.n_parallel = arguments.parallel
    settings.n_ctx = arguments.context * arguments.parallel
    settings.cpuparams.n_threads = arguments.threads
    settings.cpuparams_batch.n_threads = arguments.threads
    settings.n_gpu_layers = 0
    settings.use_jinja = True
    settings.endpoint_slots = True
    settings.endpoint_metrics = True
    settings.warmup = False
    if arguments.embeddings:
        settings.embedding = True
        settings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if arguments.exact:
        settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.verbosity = 1
    return settings


def main():
    """Serves until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a GGUF file")
    parser.add_argument("--host", default="127.0.0.1", help="or a Unix socket, if it ends in .sock")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--parallel", type=int, default=2, help="how many requests run at once")
    parser.add_argument("--context", type=int, default=16384, help="tokens of context of each request")
    parser.add_argument("--threads", type=int, default=1, help="how many threads compute")
    parser.add_argument("--embeddings", action="store_true", help="make vectors of texts too")
    parser.add_argument("--exact", action="store_true", help="round no keys and values to 16 bits")
    parser.add_argument("--stay", action="store_true", help="do not end with the standard input")
    arguments = parser.parse_args()
    server = xllamacpp.Server(parameters(arguments))
    print(f"llama.cpp server listens on {server.listening_address}", flush=True)
    if arguments.stay:
        signal.pause()
    sys.stdin.buffer.read()
    # Requests may still be running; nothing of theirs is worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    main()
