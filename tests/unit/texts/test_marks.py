"""Marks that people filter texts by: found where a person sees one, and not elsewhere."""

import pytest

from assay.texts.marks import Marks, marks


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("refusals", "I'm sorry, but I can't share that."),
        ("refusals", "I\u2019m really sorry, but I\u2019m unable to look it up."),
        ("refusals", "I cannot assist with this request."),
        ("refusals", "As an AI language model, I do not have a favourite colour."),
        ("refusals", "I am not able to draw pictures."),
        ("refusals", "Lo siento, pero no puedo ayudar con eso."),
        ("refusals", "Désolé, je ne peux pas vous aider."),
        ("refusals", "Dabei kann ich leider nicht helfen; ich kann dir dabei nicht helfen."),
        ("refusals", "Desculpe, não posso ajudar."),
        ("refusals", "Извините, я не могу помочь с этим."),
        ("refusals", "抱歉\uff0c我无法回答这个问题。"),
        ("refusals", "作为一个人工智能助手\uff0c我没有感情。"),
        ("refusals", "申し訳ありませんが、その質問にはお答えできません。"),
        ("refusals", "죄송합니다. 죄송하지만 도와드릴 수 없습니다."),
        ("boilerplate", "Sure! Here is the list."),
        ("boilerplate", "Done.\nI hope this helps!"),
        ("boilerplate", "Let me know if you have any other questions."),
        ("boilerplate", "My knowledge cutoff is in 2021."),
        ("boilerplate", "As an AI language model I like tea."),
        ("html", "Make it <b>bold</b>"),
        ("html", 'A <a href="x">link</a>'),
        ("html", "salt&nbsp;water"),
        ("urls", "See https://example.org/a?b=c."),
        ("urls", "go to www.example.org now"),
        ("emails", "write to ann.lee+news@mail.example.org."),
        ("phones", "Call (202) 555-0143 today"),
        ("phones", "Tel. +49 30 901820"),
    ],
)
def test_a_mark_is_found(mark: str, text: str) -> None:
    assert getattr(marks(text), mark) >= 1


@pytest.mark.parametrize(
    "text",
    [
        "I am unable to sleep when it rains, so I read.",
        "I can't do this, it's impossible.",
        "I am not able to do it.",
        r"Search for the pattern I can't do it\b, which ends at a word.",
        "She said she was sorry that the shop was closed.",
        "If x < y and y > z, then swap them; a<b is a comparison.",
        "List<int> numbers = new List<int>();",
        "The maximum is 2147483647, and 3000000/350 is about 8571.4.",
        "The war lasted from 1914-1918, and 1939-1945.",
        "At 10:15:30 on 2024-05-17 the sensor read 3.14159265.",
        "An e-mail address has an @ in it, as in name @ place.",
        "He was certain: here be dragons.",
        "",
    ],
)
def test_nothing_is_found_where_there_is_nothing(text: str) -> None:
    assert marks(text) == Marks(0, 0, 0, 0, 0, 0)


def test_places_are_counted() -> None:
    found = marks("<p>a@b.org, c@d.org</p> https://e.org https://f.org/g")

    assert found == Marks(0, 0, html=2, urls=2, emails=2, phones=0)
