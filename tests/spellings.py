"""Words that a judge may choose from, for tests of what reads them."""

from assay.judging.scales import Spellings

YES_NO: Spellings = {"yes": ("yes", "是", "是的"), "no": ("no", "否", "不是")}
FIRST_SECOND_TIE: Spellings = {
    "A": ("A", "response A", "assistant A", "text A", "answer A"),
    "B": ("B", "response B", "assistant B", "text B", "answer B"),
    "tie": ("tie", "C", "equal", "平局"),
}
FIRST_SECOND: Spellings = {label: FIRST_SECOND_TIE[label] for label in ("A", "B")}
