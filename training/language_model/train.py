"""Trains the language model; a killed run goes on from its last checkpoint.

The state of the run is a function of the seed, the step and the data alone: every epoch draws its
documents and their order anew from (seed, epoch).
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from corpus import Pair, is_held_out, pairs
from numpy.typing import NDArray
from start import first_network
from tokenizers import Tokenizer
from vocabulary import learn_vocabulary

LENGTHS = (32, 64, 128, 256, 384)
"""Documents are padded to one of these: the network is compiled once for each."""

TEMPLATE = (
    "Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\n\n### Instruction:\n{}\n\n### Response:\n"
)
"""The Alpaca template, a format of instruction data that the model is to know."""


@dataclass(frozen=True)
class Schedule:
    """How the network is trained; the defaults are those of the released model."""

    steps: int = 1500
    tokens: int = 6144
    rate: float = 5e-4
    new_rate: float = 2e-3
    """Learning rate of the parts that do not come from the encoder."""
    warmup: int = 60
    constant: float = 0.3
    """Share of the steps before the rate falls, linearly, to a fiftieth."""
    vocabulary: int = 8192
    seed: int = 0
    prompt_weight: float = 0.5
    wordnet_share: float = 0.35
    """Of the dictionary's entries, in each epoch."""
    alone: float = 0.25
    """Share of pairs with a long answer whose answer is read without its question."""


def documents(taught: Sequence[Pair], epoch: int, plan: Schedule) -> list[tuple[str, str]]:
    """Return the texts of one epoch: what stands before each answer, and the answer."""
    chance = random.Random(f"{plan.seed} {epoch}")
    found = []
    for pair in taught:
        if pair.source == "wordnet" and chance.random() > plan.wordnet_share:
            continue
        draw = chance.random()
        if draw < plan.alone and len(pair.answer) >= 40:
            found.append(("", pair.answer))
        elif draw < 0.65:
            found.append((f"{pair.question}\n", pair.answer))
        elif draw < 0.85:
            found.append((TEMPLATE.format(pair.question), pair.answer))
        elif draw < 0.95:
            found.append((f"{pair.question}\n\n", pair.answer))
        else:
            found.append((f"Question: {pair.question}\nAnswer: ", pair.answer))
    chance.shuffle(found)
    return found


def batches(
    tokenizer: Tokenizer, texts: Sequence[tuple[str, str]], plan: Schedule
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield tokens, labels and weights, shape (tokens / length, length) each."""
    waiting: dict[int, list[tuple[list[int], int]]] = {}
    for start in range(0, len(texts), 4096):
        part = texts[start : start + 4096]
        before = tokenizer.encode_batch([text for text, _ in part])
        answers = tokenizer.encode_batch([text for _, text in part])
        for left, right in zip(before, answers, strict=True):
            answer = right.ids[: LENGTHS[-1] - 1]
            question = left.ids[max(0, len(left.ids) + len(answer) + 1 - LENGTHS[-1]) :]
            document = [0, *question, *answer, 0]
            length = next(size for size in LENGTHS if len(document) - 1 <= size)
            queue = waiting.setdefault(length, [])
            queue.append((document, len(question)))
            if len(queue) == plan.tokens // length:
                yield _tensors(waiting.pop(length), length, plan)


def _tensors(
    queue: Sequence[tuple[list[int], int]], length: int, plan: Schedule
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    tokens = torch.zeros(len(queue), length, dtype=torch.long)
    labels = torch.zeros(len(queue), length, dtype=torch.long)
    weights = torch.zeros(len(queue), length)
    for row, (document, asked) in enumerate(queue):
        size = len(document) - 1
        tokens[row, :size] = torch.tensor(document[:-1])
        labels[row, :size] = torch.tensor(document[1:])
        weights[row, :size] = 1.0
        weights[row, :asked] = plan.prompt_weight
    return tokens, labels, weights


def rate_at(step: int, plan: Schedule) -> float:
    """Return the share of the full learning rate at a step."""
    done = step / plan.steps
    falling = 1.0 if done < plan.constant else (1.0 - done) / (1.0 - plan.constant)
    return min(1.0, (step + 1) / plan.warmup) * max(0.02, falling)


def token_counts(tokenizer: Tokenizer, taught: Sequence[Pair]) -> NDArray[np.float64]:
    """Return how often each token occurs in the answers and questions. Shape (vocabulary,)."""
    counts = np.zeros(tokenizer.get_vocab_size())
    for start in range(0, len(taught), 4096):
        part = taught[start : start + 4096]
        for item in tokenizer.encode_batch([f"{pair.question}\n{pair.answer}" for pair in part]):
            np.add.at(counts, item.ids, 1.0)
    return counts


class Run:
    """One training, with its checkpoints."""

    def __init__(self, folder: Path, taught: Sequence[Pair], plan: Schedule) -> None:
        self._folder, self._taught, self._plan = folder, taught, plan
        folder.mkdir(parents=True, exist_ok=True)
        vocabulary = folder / "tokenizer.json"
        if not vocabulary.exists():
            learn_vocabulary(taught, plan.vocabulary).save(str(vocabulary))
        self.tokenizer = Tokenizer.from_file(str(vocabulary))
        torch.manual_seed(plan.seed)
        counts = torch.from_numpy(token_counts(self.tokenizer, taught)).float()
        self.network = first_network(self.tokenizer, counts)
        self._optimizer = self._optimizers()
        self._step, self._epoch, self._within = 0, 0, 0

    def _optimizers(self) -> torch.optim.Optimizer:
        new = ("head", "head_norm", "bias", "scale", "query", "key", "match", "gate", "respell")
        groups: dict[bool, list[torch.nn.Parameter]] = {True: [], False: []}
        for name, value in self.network.named_parameters():
            groups[name.split(".")[0] in new].append(value)
        return torch.optim.AdamW(
            [
                {"params": groups[False], "full_rate": self._plan.rate, "weight_decay": 0.01},
                {"params": groups[True], "full_rate": self._plan.new_rate, "weight_decay": 0.0},
            ],
            lr=self._plan.rate,
            betas=(0.9, 0.98),
            fused=True,
        )

    def resume(self) -> None:
        """Go back to the last checkpoint, if there is one."""
        path = self._folder / "checkpoint.pt"
        if path.exists():
            kept = torch.load(path)
            self.network.load_state_dict(kept["network"])
            self._optimizer.load_state_dict(kept["optimizer"])
            self._step, self._epoch, self._within = kept["place"]
            print(f"going on after step {self._step}")

    def _save(self) -> None:
        path = self._folder / "checkpoint.pt"
        kept = {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "place": (self._step, self._epoch, self._within),
        }
        torch.save(kept, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)

    def train(self, every: int) -> None:
        """Train to the last step, with a checkpoint every so many steps."""
        forward = torch.compile(self.network, dynamic=False)
        started, seen, losses = time.monotonic(), 0, []
        while self._step < self._plan.steps:
            texts = documents(self._taught, self._epoch, self._plan)
            for place, batch in enumerate(batches(self.tokenizer, texts, self._plan)):
                if place < self._within:
                    continue
                losses.append(self._learn(forward, batch))
                self._within, self._step = place + 1, self._step + 1
                seen += int((batch[2] > 0).sum())
                if self._step % 25 == 0:
                    speed = seen / (time.monotonic() - started)
                    mean = float(np.mean(losses[-100:]))
                    print(f"{self._step} loss {mean:.3f} {speed:.0f} tokens/s", flush=True)
                if self._step % every == 0 or self._step == self._plan.steps:
                    self._save()
                if self._step == self._plan.steps:
                    return
            self._epoch, self._within = self._epoch + 1, 0

    def _learn(
        self,
        forward: torch.nn.Module,
        batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    ) -> float:
        tokens, labels, weights = batch
        with torch.autocast("cpu", torch.bfloat16):
            loss = -(forward(tokens, labels) * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = group["full_rate"] * rate_at(self._step, self._plan)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Schedule.steps)
    parser.add_argument("--every", type=int, default=100)
    given = parser.parse_args()
    plan = Schedule(seed=given.seed, steps=given.steps)
    taught = [pair for pair in pairs(given.data) if not is_held_out(pair)]
    run = Run(given.work, taught, plan)
    run.resume()
    (given.work / "schedule.json").write_text(json.dumps(asdict(plan), indent=1))
    run.train(given.every)


if __name__ == "__main__":
    main()
