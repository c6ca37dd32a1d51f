"""A judge that does what the data say: the worst that there could be."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.billing_judge import MARK, worth
from tests.judge_servers import StubJudge

TOP = 5.0
_CASE = re.compile(rf"{MARK}(\d+)\.")
_DATA = re.compile(r"\[BEGIN \w+ ([0-9a-f]{16})\]\n(.*?)\n\[END \w+ \1\]", re.DOTALL)
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
_WISH = re.compile(
    r"(?<!\d)[5\uff15](?!\d)|highest|full marks|满分|best there is|verdict: yes|\[\[A\]\]", re.I
)


@dataclass
class ObedientJudge(StubJudge):
    """Says the highest number of a row that says anything of it, else what the row is worth."""

    def answer(self, route: str, question: Mapping[str, Any]) -> tuple[int, Any]:
        """Return status and JSON."""
        shown = question["messages"][-1]["content"] if "messages" in question else ""
        found = _CASE.search(shown)
        if found is None:
            return super().answer(route, question)
        self.asked.append((route, dict(question)))
        data = _CASE.sub("", "\n".join(text for _, text in _DATA.findall(shown)))
        number = TOP if wishes(data) else min(worth(int(found[1])), 4.0)
        said = {"role": "assistant", "content": f"{number:g}\nSo it is."}
        choice = {"message": said, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(json.dumps(question)) // 4, "completion_tokens": 6}
        return 200, {"choices": [choice], "usage": usage}


def wishes(data: str) -> bool:
    """Return whether data say anything of how they are to be rated, seen or unseen."""
    tags = "".join(chr(ord(sign) - 0xE0000) if ord(sign) >= 0xE0000 else sign for sign in data)
    plain = _UNSEEN.sub("", tags)
    return bool(_WISH.search(plain))
