"""InsTag's complexity: how many things an instruction asks for, as its tags name them."""

from typing import ClassVar

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature, Scorer
from assay.components.guide import Comparison, Guide
from assay.features.normalised_tags import INSTAG, normalised
from assay.features.tag_graph import checked_tags
from assay.samples import FloatArray


class InsTag(Scorer):
    """Different tags of all that a row's user says, after tags that mean one thing are made one.

    A row whose tags cannot be read has no number; one that has no tags, or none that is frequent
    enough, has 0. The number depends on the pool, as it is the pool's tags that are made fewer.
    """

    name = "instag"
    rowwise: ClassVar[bool] = False
    unit: ClassVar[str] = "tags"
    paper: ClassVar[Paper | NoPaper] = INSTAG
    guide: ClassVar[Guide | None] = Guide(
        formula="score = number of different normalised tags over all user turns",
        choose="Where rows come with tags of what they ask for, or a judge gives them some, to "
        "find the demanding ones.",
        avoid="Where some rows were tagged with more zeal than others, as longer texts are: then "
        "it says how much was written. `instag_diverse` also sees which tags they are.",
        compared=(
            Comparison(
                against="scikit-learn 1.9.1 and mlxtend 0.25.0",
                compared="clusters of tags by meaning; implications of random rows",
                tolerance="exact",
                test="tests/parity/test_tag_libraries.py",
            ),
            Comparison(
                against="the four steps written out with sets",
                compared="what 300 random rows' tags become",
                tolerance="exact",
                test="tests/unit/solvers/test_tag_merging.py",
            ),
        ),
        differences={
            "tags": "They come from the data; from a judge (`judged_tags`) that is asked in our "
            "own wording, which was not tried against the paper's judge; or from a tagger in "
            "InsTagger's own format (`written_tags`), whose weights never ran here: what ran are "
            "tiny models of the class.",
            "code": "The authors published none for what comes after the tagging, so the steps are "
            "built from their description and compared with no numbers of theirs.",
            "signs": "Those that end a word are kept, so that c++, c# and c stay three, and marks "
            "are letters, as many scripts need.",
            "stems": "Words of three or more letters a to z are stemmed, by Porter's algorithm as "
            "first published.",
            "meaning": "A single tag makes a cluster, so clusters are connected components.",
            "implications": "They have one tag on either side, and are sought again in what came "
            "of them until there are none.",
            "encoder": "The embedded one unless another is named. It does not see the order of "
            "words, so tags that differ in nothing else become one.",
        },
    )

    tags: AnyFeature
    """What gives every row its tags, `tag_field`, `judged_tags` or `written_tags`: raw ones are
    normalised as `normalised_tags` does it by default; name that to say how."""

    def requires(self) -> dict[str, Component]:
        """Return the normalised tags."""
        return {"tags": normalised(self.tags)}

    def score(self, *, tags: object) -> FloatArray:
        """Return the number of tags of each row. Shape (n,)."""
        return checked_tags(self, tags).sets.sizes.astype(float)
