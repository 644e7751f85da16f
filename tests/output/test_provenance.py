from __future__ import annotations

import pytest

from petsgan_sdk.output.provenance import comment_of, differing_fact, provenance
from petsgan_sdk.runtime import Pin
from petsgan_sdk.runtime.drawing import Drawing

USUAL = 'petsgan-sdk {"model":"m","seed":1,"index":2,"width":40,"height":24'


@pytest.mark.parametrize(
    ("drawing", "told"),
    [
        (Drawing(), ""),
        (Drawing(seamless=True), ',"seamless":true'),
        (Drawing(variation=0, fill=2.5), ',"variation":0.0,"fill":2.5'),
        (Drawing(layout="synthesis"), ',"layout":"synthesis"'),
        (
            Drawing(seamless=True, pins=(Pin(-3, 4), Pin(50, 6, width=7))),
            ',"seamless":true,"pins":[{"left":-3,"top":4},{"left":50,"top":6,"width":7}]',
        ),
    ],
)
def test_what_is_not_usual_of_a_drawing_is_told(drawing: Drawing, told: str) -> None:
    """Files of earlier versions say the same of theirs, so that a run of theirs goes on."""
    facts = provenance("m", {"index": 2}, seed=1, size_px=(40, 24), drawing=drawing)
    assert comment_of(facts) == USUAL + told + "}"


@pytest.mark.parametrize(
    ("found", "differs"),
    [
        (None, None),
        ("a photo of mine", None),
        ("petsgan-sdk {", None),
        ("petsgan-sdk " + "[" * 100_000, None),
        ("petsgan-sdk [1]", None),
        (USUAL + "}", None),
        ('petsgan-sdk {"model":"n"}', "of another model"),
        ('petsgan-sdk {"model":"m","seed":9}', "seed 9 where now 1 is asked for"),
        (USUAL + ',"sheet_of":4}', "sheet of 4 where now None is asked for"),
        (USUAL + ',"\\u001b[2J":"\\u001b"}', "\\x1b[2J '\\x1b' where now None is asked for"),
    ],
)
def test_the_first_fact_that_differs_is_named(found: str | None, differs: str | None) -> None:
    assert differing_fact(found, USUAL + "}") == differs
