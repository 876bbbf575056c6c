"""Processes that compute gradients, one for each processor.

Each computes with one thread: on matrices as small as these, threads spend more time on waiting for each other
than they save. Which process takes which batch is left to chance, but what comes of it is not: the gradients
of an update are added up in the order of its batches.
"""

import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import jax
import jax.numpy as jnp
import numpy
import optax

from . import batches, network
from .network import Shape
from .vocabulary import Vocabulary

MOST = 4
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


@dataclass(frozen=True)
class Told:
    """What a batch gives: the gradient of its summed loss; what was counted, the loss of the model's own tokens, how
    many these are and how many of them are right; and the seconds of computing it took."""

    gradients: dict
    sums: numpy.ndarray
    seconds: float


class Workers:
    """The processes. They end with the block that began them."""

    def __init__(self, shape: Shape, seed: int):
        self._count = min(MOST, len(os.sched_getaffinity(0)))
        self._arguments = (shape, seed)
        self._open: list[Connection] = []
        self._processes: list = []

    def __enter__(self) -> "Workers":
        spawning = multiprocessing.get_context("spawn")
        for _ in range(self._count):
            ours, theirs = spawning.Pipe()
            process = spawning.Process(target=_work, args=(theirs, *self._arguments), daemon=True)
            process.start()
            theirs.close()
            self._open.append(ours)
            self._processes.append(process)
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._open:
            connection.close()
        for process in self._processes:
            process.join()

    def gradients(self, weights: dict, number: int) -> list[Told]:
        """What each batch of an update gives, in the order of the batches."""
        todo = batches.lengths(number)
        sent = jax.tree.map(numpy.asarray, weights)
        for connection in self._open:
            connection.send(sent)
        waiting = list(enumerate(todo))
        given: dict[Connection, int] = {}
        told: dict[int, Told] = {}
        free = list(self._open)
        while len(told) < len(todo):
            while free and waiting:
                at, length = waiting.pop(0)
                connection = free.pop()
                connection.send((number, length))
                given[connection] = at
            for connection in wait(list(given)):
                told[given.pop(connection)] = connection.recv()
                free.append(connection)
        return [told[at] for at in range(len(todo))]


def _work(asked: Connection, shape: Shape, seed: int) -> None:
    vocabulary = Vocabulary.read()
    gradient = jax.jit(_gradient(shape))
    weights: dict = {}
    try:
        while True:
            message = asked.recv()
            if isinstance(message, dict):
                weights = message
                continue
            number, length = message
            began = time.process_time()
            batch = batches.batch(vocabulary, seed, number, length)
            gradients, sums = jax.tree.map(numpy.asarray, gradient(weights, batch.tokens, batch.weights))
            asked.send(Told(gradients, sums, time.process_time() - began))
    except (EOFError, BrokenPipeError):
        # Whoever asked is gone.
        return


def _gradient(shape: Shape):
    """The gradient of the summed loss, and the sums."""

    def lost(weights: dict, tokens: jax.Array, counted: jax.Array) -> tuple[jax.Array, jax.Array]:
        scores = network.logits(shape, weights, tokens[:, :-1])
        wanted, counted = tokens[:, 1:], counted[:, 1:]
        losses = optax.softmax_cross_entropy_with_integer_labels(scores, wanted)
        own = counted == 1.0
        right = (scores.argmax(-1) == wanted) & own
        return (losses * counted).sum(), jnp.stack(
            [counted.sum(), (losses * own).sum(), own.sum(), right.sum()]
        )

    with_sums = jax.value_and_grad(lost, has_aux=True)

    def gradient(weights: dict, tokens: jax.Array, counted: jax.Array) -> tuple[dict, jax.Array]:
        (_, sums), gradients = with_sums(weights, tokens, counted)
        return gradients, sums

    return gradient
