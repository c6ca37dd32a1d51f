"""Mistakes that somebody could make in scores and solvers, and the tests that must notice."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One mistake: in `file`, `old` (which occurs once) becomes `new`; `killers` must fail."""

    why: str
    file: str
    old: str
    new: str
    killers: tuple[str, ...]


_METHODS = "tests/unit/methods/"
_JUDGING = "tests/unit/judging/"
_FACILITY = (_METHODS + "geometry/test_facility_location.py",)
_FACILITY_SOLVER = ("tests/unit/solvers/test_facility_location.py",)
_IFD = (_METHODS + "text/test_compression_ifd.py",)
_RANKING = (
    _METHODS + "filters/test_cuts.py",
    "tests/unit/methods/combinations/test_top_score.py",
    "tests/unit/solvers/test_ranks.py",
)
_COMBINATION = (_METHODS + "combinations/test_combination.py",)
_QUOTA = (_METHODS + "combinations/test_quota.py",)
_K_CENTER = (_METHODS + "geometry/test_k_center.py", "tests/property/test_k_center.py")
_SHARES = ("tests/unit/solvers/test_shares.py",)
_BUDGET = ("tests/unit/components/test_budget.py",)
_TEXT = ("tests/unit/features/test_text_feature.py",)

MUTANTS = (
    Mutant(
        "swapped numerator and denominator of compression IFD",
        "methods/text/compression_ifd.py",
        'lengths["given_prompt"] / lengths["alone"]',
        'lengths["alone"] / lengths["given_prompt"]',
        _IFD,
    ),
    Mutant(
        "the prompt's own cost not taken away",
        "features/text.py",
        "given += joint - compressed_length(prompt)",
        "given += joint",
        _IFD,
    ),
    Mutant(
        "context forgotten in what was said before",
        "features/text.py",
        "before.extend(text for text in (message.content, message.context) if text.strip())",
        "before.extend(text for text in (message.content,) if text.strip())",
        _TEXT,
    ),
    Mutant(
        "one reading direction of MTLD only",
        "texts/measures.py",
        "return (forward + backward) / 2",
        "return forward",
        ("tests/parity/test_lexical_diversity.py",),
    ),
    Mutant(
        "the rest of an MTLD run not scaled by what a full run needs",
        "texts/measures.py",
        "factors += (1 - len(seen) / length) / (1 - threshold)",
        "factors += 1 - len(seen) / length",
        ("tests/parity/test_lexical_diversity.py",),
    ),
    Mutant(
        "HD-D as a sum over draws and not a mean",
        "texts/measures.py",
        "return total / draws",
        "return total",
        (_METHODS + "text/test_lexical.py",),
    ),
    Mutant(
        "tokens rounded down",
        "backends/encoders.py",
        "return -(-lengths // 4)",
        "return lengths // 4",
        _TEXT,
    ),
    Mutant(
        "an empty answer scored as zero",
        "methods/text/longest.py",
        "reason = np.where(values > 0, 0, empty)",
        "reason = np.where(values >= 0, 0, empty)",
        (
            _METHODS + "text/test_longest.py",
            "tests/unit/methods/chance/test_random_rows.py",
        ),
    ),
    Mutant(
        "the largest random numbers, so that another seed's rule holds",
        "methods/chance/random_rows.py",
        "np.argsort(number.values, kind=",
        "np.argsort(-number.values, kind=",
        (
            _METHODS + "text/test_longest.py",
            "tests/unit/methods/chance/test_random_rows.py",
        ),
    ),
    Mutant(
        "worst first",
        "solvers/ranks.py",
        "return np.argsort(-sign * scores.values",
        "return np.argsort(sign * scores.values",
        _RANKING,
    ),
    Mutant(
        "ties get the last of their ranks instead of the mean",
        "solvers/ranks.py",
        "(np.cumsum(counts) - (counts - 1) / 2)",
        "np.cumsum(counts)",
        _RANKING,
    ),
    Mutant(
        "the lower end of a threshold shut out",
        "components/rule.py",
        "mask &= values >= self.at_least",
        "mask &= values > self.at_least",
        _RANKING,
    ),
    Mutant(
        "a paper's strict cut-off taken as inclusive",
        "components/rule.py",
        "mask &= values < self.below",
        "mask &= values <= self.below",
        _RANKING,
    ),
    Mutant(
        "a band one row too long",
        "components/rule.py",
        "inside[order[low:high]] = True",
        "inside[order[low : high + 1]] = True",
        _RANKING,
    ),
    Mutant(
        "rows that may not be chosen ranked along",
        "components/budget.py",
        "order = order[self.eligible[order]]",
        "order = order.copy()",
        _BUDGET,
    ),
    Mutant(
        "left-over seats to the smallest remainder",
        "solvers/shares.py",
        'np.argsort(-remainder, kind="stable")',
        'np.argsort(remainder, kind="stable")',
        _SHARES,
    ),
    Mutant(
        "a weighted sum deaf to which way a score points",
        "methods/combinations/combination.py",
        "_unit_range(by.sign * scores.values)",
        "_unit_range(scores.values)",
        _COMBINATION,
    ),
    Mutant(
        "weights of a product that do not average one",
        "methods/combinations/combination.py",
        "powers = self.share() * len(self.of)",
        "powers = self.share()",
        _COMBINATION,
    ),
    Mutant(
        "a score of zero as a divisor",
        "methods/combinations/combination.py",
        "out=np.full(len(values), np.nan), where=values > 0)",
        "out=np.full(len(values), np.nan), where=values >= 0)",
        _COMBINATION,
    ),
    Mutant(
        "groups of one row left out of an equal division",
        "methods/combinations/quota.py",
        "(capacity > 0).astype(np.float64)",
        "(capacity > 1).astype(np.float64)",
        _QUOTA,
    ),
    Mutant(
        "the duplicate that a loss likes least is kept",
        "methods/filters/deduplicate.py",
        "self.prefer.sign * prefer.values[eligible]",
        "prefer.values[eligible]",
        (_METHODS + "filters/test_deduplicate.py",),
    ),
    Mutant(
        "groups named after their last row",
        "features/duplicates.py",
        "np.minimum.at(first, inverse",
        "np.maximum.at(first, inverse",
        ("tests/unit/features/test_duplicates_feature.py",),
    ),
    Mutant(
        "contamination judged below the share and not above",
        "texts/overlap.py",
        "(best > 0) & (best >= share)",
        "(best > 0) & (best <= share)",
        (_METHODS + "filters/test_decontaminate.py",),
    ),
    Mutant(
        "distance to the farthest centre",
        "solvers/cover.py",
        "(vectors[:size] @ chunk.T).max(axis=1)",
        "(vectors[:size] @ chunk.T).min(axis=1)",
        ("tests/unit/solvers/test_cover.py",),
    ),
    Mutant(
        "a pick that makes its neighbours farther",
        "solvers/k_center.py",
        "np.minimum(rough, np.maximum(1.0 - similarity, 0.0), out=rough)",
        "np.maximum(rough, np.maximum(1.0 - similarity, 0.0), out=rough)",
        _K_CENTER,
    ),
    Mutant(
        "ties of k-center to the last row",
        "solvers/k_center.py",
        "else int(places[exact.argmax()])",
        "else int(places[len(exact) - 1 - exact[::-1].argmax()])",
        _K_CENTER,
    ),
    Mutant(
        "shares of coverage and quality swapped",
        "solvers/greedy.py",
        "1.0 if self._options.quality is None else 1.0 - self._options.trade_off",
        "1.0 if self._options.quality is None else self._options.trade_off",
        _FACILITY,
    ),
    Mutant(
        "coverage lost twice where rows overlap",
        "solvers/facility_sparse.py",
        "lost = np.minimum(units[edges], np.repeat(offered, sizes)) - old",
        "lost = units[edges] - old",
        _FACILITY_SOLVER,
    ),
    Mutant(
        "picks that add nothing",
        "solvers/facility_sparse.py",
        "if not scores[best] > 0:",
        "if not scores[best] > -1:",
        _FACILITY,
    ),
    Mutant(
        "stale gains taken for exact ones",
        "solvers/greedy.py",
        "fresh[:] = False",
        "fresh[best] = False",
        _FACILITY,
    ),
    Mutant(
        "quality of rows ranked the wrong way around",
        "methods/geometry/facility_location.py",
        "rank_share(values, self.quality.sign)",
        "rank_share(values, -self.quality.sign)",
        _FACILITY,
    ),
    Mutant(
        "coverage divided by picks per row",
        "methods/geometry/facility_location.py",
        "return max(rows, 1) / max(_picks(allowance), 1.0)",
        "return max(_picks(allowance), 1.0) / max(rows, 1)",
        _FACILITY,
    ),
    Mutant(
        "a cut answer longer given its prompt than alone",
        "rendering/token_rows.py",
        "kept = kept[: self.kept_answer]",
        "kept = kept[: self.room]",
        ("tests/unit/rendering/test_token_rows.py",),
    ),
    Mutant(
        "the unpredicted first token of an answer scored",
        "rendering/token_rows.py",
        "unpredicted = 0 if self.context else 1",
        "unpredicted = 0",
        ("tests/unit/rendering/test_token_rows.py",),
    ),
    Mutant(
        "an answer alone without room for its marker",
        "rendering/reference_tokens.py",
        "limits = [limit - min(len(ids), limit) + extra for ids in prompts]",
        "limits = [limit - min(len(ids), limit) for ids in prompts]",
        ("tests/unit/rendering/test_tokenization.py",),
    ),
    Mutant(
        "blanks that a chat template strips taken for the answer's own",
        "rendering/word_places.py",
        "for more in range(len(tail), -1, -1):",
        "for more in (len(tail),):",
        ("tests/unit/rendering/test_word_places.py",),
    ),
    Mutant(
        "IFD where nothing was asked",
        "methods/likelihood/likelihood.py",
        "reason[(conditioned.flags & Flag.EMPTY_PROMPT) != 0] = Reason.EMPTY_PROMPT",
        "reason[(conditioned.flags & Flag.EMPTY_PROMPT) == 1] = Reason.EMPTY_PROMPT",
        (_METHODS + "likelihood/test_ifd.py",),
    ),
    Mutant(
        "Superfiltering upside down",
        "methods/likelihood/superfiltering.py",
        "np.exp(alone.mean() - conditioned.mean())",
        "np.exp(conditioned.mean() - alone.mean())",
        (_METHODS + "likelihood/test_superfiltering.py",),
    ),
    Mutant(
        "rows that the prompt misleads kept by IFD",
        "methods/likelihood/ifd.py",
        "return Rule(at_most=1.0)",
        "return Rule(at_most=2.0)",
        (_METHODS + "likelihood/test_ifd.py",),
    ),
    Mutant(
        "perplexity as the mean log-probability's exponential",
        "methods/likelihood/perplexity.py",
        "return np.exp(-part.mean())",
        "return np.exp(part.mean())",
        (_METHODS + "likelihood/test_perplexity.py",),
    ),
    Mutant(
        "the highest perplexities from the lowest up",
        "methods/likelihood/perplexity_pruning.py",
        "return ascending[::-1]",
        "return ascending",
        (_METHODS + "likelihood/test_perplexity_pruning.py",),
    ),
    Mutant(
        "SemDeDup with the share that may differ for the cosine",
        "methods/filters/semdedup.py",
        "threshold=1.0 - self.eps,",
        "threshold=self.eps,",
        (_METHODS + "filters/test_semdedup.py",),
    ),
    Mutant(
        "DEITA's filter from the worst row up",
        "methods/pipelines/deita_filter.py",
        "best_first(by, self.by.sign)",
        "best_first(by, -self.by.sign)",
        (_METHODS + "pipelines/test_deita_filter.py",),
    ),
    Mutant(
        "a graph cut whose bound forgets what lies across the mean",
        "solvers/graph_cut.py",
        "+ 2.0 * _LONGEST * rest",
        "",
        ("tests/unit/solvers/test_graph_cut.py",),
    ),
    Mutant(
        "a shared beginning that leaves a sequence without a token of its own",
        "backends/batching.py",
        "return first[: min(agree, shortest - 1)]",
        "return first[: min(agree, shortest)]",
        ("tests/unit/backends/test_batching.py",),
    ),
    Mutant(
        "a judge's part of another whole taken for a score",
        "judging/score_parser.py",
        'if match["top"] is not None and float(match["top"]) != scale.high:',
        "if False:",
        (_JUDGING + "test_score_parser.py",),
    ),
    Mutant(
        "the first of two different answers taken",
        "judging/answer_places.py",
        "    answer = found.pop()\n    if found:",
        "    answer = found.pop()\n    if False:",
        (_JUDGING + "test_score_parser.py",),
    ),
    Mutant(
        "a number taken that the end of a reply may have cut",
        "judging/answer_places.py",
        'whole = len(lines) > 1 or reply.endswith("\\n") or not cut',
        "whole = True",
        (_JUDGING + "test_score_parser.py",),
    ),
    Mutant(
        "an answer of the data taken for one of the judge",
        "judging/answer_places.py",
        "if answer in said:",
        "if False:",
        (_JUDGING + "test_score_parser.py",),
    ),
    Mutant(
        "a number between the steps of a scale",
        "judging/scales.py",
        "return abs(steps - round(steps)) < _ROUNDING",
        "return True",
        (_JUDGING + "test_score_parser.py",),
    ),
    Mutant(
        "an object of the data taken for one of the judge",
        "judging/json_parser.py",
        "if content is None or any(_packed(raw) in slot for slot in shown):",
        "if content is None:",
        (_JUDGING + "test_json_parser.py",),
    ),
    Mutant(
        "the first object of a reply instead of the last",
        "judging/json_parser.py",
        "for raw in reversed(spans):",
        "for raw in spans:",
        (_JUDGING + "test_json_parser.py",),
    ),
    Mutant(
        "true taken for the number 1",
        "judging/json_parser.py",
        "if isinstance(content, bool) or not isinstance(content, int | float):",
        "if not isinstance(content, int | float):",
        (_JUDGING + "test_json_parser.py",),
    ),
    Mutant(
        "a key that stands twice",
        "judging/json_parser.py",
        "object_pairs_hook=once_each, ",
        "",
        (_JUDGING + "test_json_parser.py",),
    ),
    Mutant(
        "a distribution over labels that hardly anything fell on",
        "judging/label_probabilities.py",
        "coverage < min_coverage or coverage == 0",
        "coverage == 0",
        (_JUDGING + "test_label_probabilities.py",),
    ),
    Mutant(
        "what follows a blank counted as if the blank were certain",
        "judging/label_probabilities.py",
        "masses[label] += reached * probability",
        "masses[label] += probability",
        (_JUDGING + "test_label_probabilities.py",),
    ),
    Mutant(
        "data in a JSON slot with a line end that is not a break",
        "judging/injection.py",
        "return _UNSEEN.sub(_escaped, json.dumps(text, ensure_ascii=False))",
        "return json.dumps(text, ensure_ascii=False)",
        (_JUDGING + "test_injection.py",),
    ),
)
