import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.errors import ForeignTextError
from gate.model.basics import Secret
from gate.parse.kubernetes import parse_secret

CANARY = "canary-of-a-signing-secret"


def answer(data: Any, **changes: Any) -> bytes:
    return json.dumps({"kind": "Secret", "apiVersion": "v1", "data": data, **changes}).encode()


def coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_one_key_is_taken_and_its_blanks_are_not() -> None:
    text = parse_secret(answer({"K": coded(f" {CANARY}\n"), "other": "!"}), "K")
    assert text == Secret(CANARY)
    assert CANARY not in repr(text)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the secret "),
        (CANARY.encode(), "the secret "),
        (json.dumps([CANARY]).encode(), "is no secret"),
        (answer({"K": coded(CANARY)}, kind="ConfigMap"), "is no secret"),
        (answer(None), "has no key 'K'"),
        (answer([CANARY]), "has no key 'K'"),
        (answer({"k": coded(CANARY)}), "has no key 'K'"),
        (answer({"K": [CANARY]}), "has no key 'K'"),
        (answer({"K": CANARY + "!"}), "holds no text in base64"),
        (answer({"K": coded(CANARY) + "\n"}), "holds no text in base64"),
        (answer({"K": CANARY + "\u00e9"}), "holds no text in base64"),
        (answer({"K": b64encode(CANARY.encode() + b"\xff").decode()}), "holds no text in base64"),
        (answer({"K": ""}), "is empty"),
        (answer({"K": coded("\n")}), "is empty"),
        (answer({"K": coded(CANARY * 4000)}), "is too long: expected at most 65536 bytes"),
        (answer({"K": coded(CANARY)})[:-1] + f', "data": {{"K": "{CANARY}"}}}}'.encode(), "the secret "),
    ],
)
def test_whatever_else_is_refused_without_a_word_of_it(body: bytes, told: str) -> None:
    with pytest.raises(ForeignTextError) as raised:
        parse_secret(body, "K")
    assert told in str(raised.value)
    assert CANARY[:6] not in str(raised.value)
    assert coded(CANARY)[:6] not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


@settings(deadline=None, max_examples=50)
@given(st.text(min_size=1, max_size=200).filter(lambda text: text.strip() == text))
def test_any_text_comes_as_it_is(text: str) -> None:
    assert parse_secret(answer({"K": coded(text)}), "K").reveal() == text


def test_the_longest_that_may_be() -> None:
    text = "x" * limits.SIGNING_SECRET_BYTES
    assert parse_secret(answer({"K": coded(text)}), "K").reveal() == text
