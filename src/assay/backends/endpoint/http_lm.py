"""A causal language model behind HTTP: the server tells the log-probabilities of token ids.

The numbers have the server's own precision. It gives neither distributions nor hidden states.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assay.backends.endpoint.client import Client
from assay.backends.endpoint.endpoint_address import Address
from assay.backends.endpoint.failures import RefusedError, UnansweredError
from assay.backends.endpoint.http_model import ServedModel, open_served
from assay.backends.endpoint.http_plan import PROMPTS, Outcome, Plan, batches, key_of, plan_of
from assay.backends.endpoint.http_probe import Form, MisreadError, find_form, opening_ids
from assay.components.references import DType
from assay.errors import ConfigError
from assay.models.language_model import NOTHING_KEPT, Advance, Answers, Kept, Questions
from assay.rendering.encoding import TokenIds
from assay.samples import UNFINISHED, Reason

if TYPE_CHECKING:
    from assay.models.workplace import Workplace

_log = logging.getLogger(__name__)
_CHECKED = 8  # sequences that were answered before, and are asked once more before they count
_CLOSE = 0.05  # mean difference in nats that the batches of a server may make


def load_endpoint(pinned: str, dtype: DType, runtime: "Workplace") -> "EndpointModel":
    """Return the model at an address, once it has shown that it gives what is needed.

    Raises:
        ModelLoadError: if it does not answer, denies access, lacks a route, or what it says does
            not hold.
        ConfigError: if a number format is asked for.
    """
    return open_served(EndpointModel, pinned, dtype, runtime)


class EndpointModel(ServedModel):
    """A model behind HTTP that tells the log-probabilities of prompts."""

    width = 0

    def width_at(self, layer: int) -> int:
        """Return 0: a server gives no hidden states."""
        return 0

    def __init__(self, address: Address, requests: Client, *, offline: bool) -> None:
        super().__init__(address, requests, offline=offline)
        _ = self.window  # it is refused where nobody says how many tokens it takes
        self._opening = opening_ids(self._tokens)
        self._form: Form = find_form(requests, address, self._tokens, self._opening)

    def read(self, questions: Questions, advance: Advance, kept: Kept = NOTHING_KEPT) -> Answers:
        """Ask for every different sequence once; what gets no answer has a reason.

        Raises:
            ConfigError: if distributions or hidden states are wanted.
            UnfinishedError: if the server has been gone since the last time.
        """
        if questions.statistics or questions.pools:
            raise ConfigError("an endpoint gives neither distributions nor hidden states")
        if self._requests.stopped:
            self.settle()
        plan = plan_of(questions)
        advance(plan.free)
        found = self._kept(plan, kept)
        advance(sum(plan.weights[number] for number in found))
        wanted = [number for number in range(len(plan.sequences)) if number not in found]
        asked = batches(plan.sequences, wanted, PROMPTS if self._form.several else 1)
        for place, outcomes in self._requests.each(
            lambda batch: self._read([plan.sequences[number] for number in batch]), asked
        ):
            for number, outcome in zip(asked[place], outcomes, strict=True):
                found[number] = outcome
                if outcome.reason not in UNFINISHED:
                    kept.keep(key_of(plan.sequences[number]), outcome.packed())
            advance(int(sum(plan.weights[number] for number in asked[place])))
        return self._answers(questions, plan, found)

    def _kept(self, plan: Plan, kept: Kept) -> dict[int, Outcome]:
        """Return what a stopped run was answered, by number, if the server says the same still."""
        found = {
            number: Outcome.unpacked(answer)
            for number, ids in enumerate(plan.sequences)
            if (answer := kept.find(key_of(ids))) is not None
        }
        reported = [number for number, outcome in found.items() if outcome.values is not None]
        some = next(
            iter(batches(plan.sequences, reported, _CHECKED if self._form.several else 1)), []
        )
        before = [found[number].values for number in some]
        again = self._read([plan.sequences[number] for number in some]) if some else []
        for old, new in zip(before, again, strict=True):
            if old is None or new.values is None or len(old) < 2:
                continue  # nothing was said against it
            if np.abs(old[1:] - new.values[1:]).mean() > _CLOSE:
                _log.warning(
                    "%s gives other numbers than before this run was stopped: all is asked anew",
                    self._name,
                )
                kept.forget()
                return {}
        return found

    def _answers(self, questions: Questions, plan: Plan, found: Mapping[int, Outcome]) -> Answers:
        nothing = np.empty(0, np.float32)
        parts = [nothing]
        reason = np.zeros(len(questions.sequences), np.uint8)
        for sequence, (number, targets) in enumerate(
            zip(plan.number_of, questions.targets, strict=True)
        ):
            if number < 0:
                continue
            outcome = found[number]
            reason[sequence] = outcome.reason
            values = outcome.values
            parts.append(
                np.full(len(targets), np.nan, np.float32) if values is None else values[targets]
            )
        self._unread += int(np.count_nonzero(reason == Reason.TRANSIENT))
        return Answers(np.concatenate(parts), nothing, nothing, nothing, {}, reason)

    def _read(self, sequences: Sequence[TokenIds]) -> list[Outcome]:
        """Return the numbers of some sequences; those of a request that is refused one by one."""
        try:
            return [
                Outcome(values)
                for values in self._form.ask(self._requests, self._address, sequences)
            ]
        except (RefusedError, MisreadError, UnansweredError) as error:
            passing = isinstance(error, UnansweredError)
            if len(sequences) > 1 and not (passing and self._requests.stopped):
                return [outcome for each in sequences for outcome in self._read([each])]
            if len(sequences) == 1 and isinstance(error, RefusedError) and error.about_text:
                return [self.refusal(sequences[0], error)]
            return [Outcome(None, self.unanswered(error))] * len(sequences)

    def refusal(self, ids: TokenIds, error: RefusedError) -> Outcome:
        """Return what came of a text that was refused, be it for its own sake or the server's.

        Args:
            ids: the text.
            error: how it was refused.
        """
        found = self.refused(
            error,
            lambda: self._form.ask(self._requests, self._address, [self._opening]),
            lambda: Outcome(self._form.ask(self._requests, self._address, [ids])[0]),
        )
        return found if isinstance(found, Outcome) else Outcome(None, found)
