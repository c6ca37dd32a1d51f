from assay.components.descriptions import method_text


def test_a_method_is_told_in_words() -> None:
    description = {
        "method": "top_score",
        "budget": 5,
        "by": {"method": "longest_response", "unit_of_length": "words"},
        "within": {"method": "where", "attribute": "task", "values": ["a", "b"]},
    }

    assert method_text(description) == (
        "best by longest_response(unit_of_length=words), "
        "among where(attribute=task, values=a, b)"
    )  # fmt: skip
