"""Trains the language model; a killed run goes on from its last checkpoint.

The state of the run is a function of the seed, the step and the data alone: every epoch draws its
documents and their order anew from (seed, epoch).
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from corpus import Pair, is_held_out, pairs
from numpy.typing import NDArray
from start import first_network
from tokenizers import Tokenizer
from vocabulary import learn_vocabulary

from assay.rendering.templates import Template, load_template
from assay.samples import Conversation, Message

LENGTHS = (32, 64, 128, 256, 384)
"""Documents are padded to one of these: the network is compiled once for each."""

TEMPLATES = {"plain": 0.45, "alpaca": 0.35, "vicuna": 0.1, "wiz": 0.1}
"""Formats of instruction data that the model is to know, and how many pairs are read in each."""

OFTEN = {"dolly": 2, "seed_tasks": 4, "user_oriented": 4}
"""Sources whose pairs are read several times in each epoch: the ones most like instruction data."""


@dataclass(frozen=True)
class Schedule:
    """How the network is trained; the defaults are those of the released model."""

    steps: int = 1800
    tokens: int = 6144
    rate: float = 5e-4
    new_rate: float = 2e-3
    """Learning rate of the parts that do not come from the encoder."""
    matrix_rate: float = 5e-3
    """Learning rate of the matrices of the transformer, by Muon."""
    warmup: int = 60
    constant: float = 0.6
    """Share of the steps before the rate falls, linearly, to a fiftieth."""
    vocabulary: int = 8192
    seed: int = 0
    prompt_weight: float = 0.4
    alone_weight: float = 0.5
    """Weight of the transformer's own loss, beside that of the mixture: or it leaves every word
    that stands in the question to the pointer, and never learns what a question makes likely."""
    wordnet_share: float = 0.1
    """Of the dictionary's entries, in each epoch."""
    alone: float = 0.2
    """Share of pairs with a long answer whose answer is read without its question."""


def documents(taught: Sequence[Pair], epoch: int, plan: Schedule) -> list[tuple[str, str]]:
    """Return the texts of one epoch: what stands before each answer, and the answer."""
    chance = random.Random(f"{plan.seed} {epoch}")
    templates = [load_template(name) for name in TEMPLATES]
    found = []
    for pair in (each for each in taught for _ in range(OFTEN.get(each.source, 1))):
        if pair.source == "wordnet" and chance.random() > plan.wordnet_share:
            continue
        if chance.random() < plan.alone and len(pair.answer) >= 40:
            found.append(("", pair.answer))
        else:
            (template,) = chance.choices(templates, list(TEMPLATES.values()))
            found.append((_before(pair, template), pair.answer))
    chance.shuffle(found)
    return found


def _before(pair: Pair, template: Template) -> str:
    """Return what the tool writes before the answer of a pair."""
    asked = Message(role="user", content=pair.instruction, context=pair.context)
    answer = Message(role="assistant", content=pair.answer)
    return template.spans(Conversation(messages=(asked, answer)))[0].text


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
        self._optimizers = self._new_optimizers()
        self._step, self._epoch, self._within = 0, 0, 0

    def _new_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return Muon for the matrices of the transformer's blocks, AdamW for everything else."""
        plan = self._plan
        matrices, vectors, new = [], [], []
        for name, value in self.network.named_parameters():
            inside = name.startswith("blocks.")
            known = inside or name.split(".")[0] in ("tokens", "positions", "norm")
            (matrices if inside and value.ndim == 2 else vectors if known else new).append(value)
        others = [
            {"params": vectors, "full_rate": plan.rate, "weight_decay": 0.01},
            {"params": new, "full_rate": plan.new_rate, "weight_decay": 0.0},
        ]
        inner = [{"params": matrices, "full_rate": plan.matrix_rate}]
        return [
            torch.optim.AdamW(others, lr=plan.rate, betas=(0.9, 0.98), fused=True),
            torch.optim.Muon(inner, lr=plan.matrix_rate, momentum=0.95, weight_decay=0.01),
        ]

    def resume(self) -> None:
        """Go back to the last checkpoint, if there is one."""
        path = self._folder / "checkpoint.pt"
        if path.exists():
            kept = torch.load(path)
            self.network.load_state_dict(kept["network"])
            for optimizer, state in zip(self._optimizers, kept["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            self._step, self._epoch, self._within = kept["place"]
            print(f"going on after step {self._step}")

    def _save(self) -> None:
        path = self._folder / "checkpoint.pt"
        kept = {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "place": (self._step, self._epoch, self._within),
        }
        torch.save(kept, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)

    def train(self, every: int) -> None:
        """Train to the last step, with a checkpoint every so many steps."""
        scored = torch.compile(self.network.scored, dynamic=False)
        started, seen, losses = time.monotonic(), 0, []
        while self._step < self._plan.steps:
            texts = documents(self._taught, self._epoch, self._plan)
            for place, batch in enumerate(batches(self.tokenizer, texts, self._plan)):
                if place < self._within:
                    continue
                losses.append(self._learn(scored, batch))
                self._within, self._step = place + 1, self._step + 1
                seen += int((batch[2] > 0).sum())
                if self._step % 25 == 0:
                    speed = seen / (time.monotonic() - started)
                    both, alone = np.mean(losses[-100:], 0)
                    told = f"loss {both:.3f}, of the transformer {alone:.3f}"
                    print(f"{self._step} {told}, {speed:.0f} tokens/s", flush=True)
                if self._step % every == 0 or self._step == self._plan.steps:
                    self._save()
                if self._step == self._plan.steps:
                    return
            self._epoch, self._within = self._epoch + 1, 0

    def _learn(
        self,
        scored: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
        batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    ) -> tuple[float, float]:
        """Take one step, and return the mean loss of the mixture and of the transformer."""
        tokens, labels, weights = batch
        share = weights / weights.sum()
        with torch.autocast("cpu", torch.bfloat16):
            both, alone = (-(each * share).sum() for each in scored(tokens, labels))
        (both + self._plan.alone_weight * alone).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_rate"] * rate_at(self._step, self._plan)
            optimizer.step()
            optimizer.zero_grad()
        return float(both.detach()), float(alone.detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Schedule.steps)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--plan", default="{}", help="other fields of Schedule, as JSON")
    given = parser.parse_args()
    plan = Schedule(seed=given.seed, steps=given.steps, **json.loads(given.plan))
    taught = [pair for pair in pairs(given.data) if not is_held_out(pair)]
    run = Run(given.work, taught, plan)
    run.resume()
    (given.work / "schedule.json").write_text(json.dumps(asdict(plan), indent=1))
    run.train(given.every)


if __name__ == "__main__":
    main()
