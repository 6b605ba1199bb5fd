from dataclasses import replace

import pytest

from ml.determinism import build
from ml.reproduction import TOLERANCE, Compared, Outcome, Reproduction

SAME = Reproduction(
    model="repeat_purchase",
    version=2,
    kind="refit",
    snapshot=40,
    kept=(Compared("data", "d1", "d1"), Compared("artifact", "w1", "w1")),
    trained=(Compared("weights", "w1", "w1"), Compared("predictions", "p1", "p1")),
    build=(Compared("torch", "2.13", "2.13"), Compared("threads", "1", "1")),
    partitions=(),
    rows=800,
    difference=0.0,
)
TORCH = (Compared("torch", "2.12", "2.13"),)
UNKNOWN = (Compared("torch", None, "2.13"),)
OTHER = replace(SAME, trained=(Compared("weights", "w1", "w2"), Compared("predictions", "p", "q")))
NEAR = replace(OTHER, difference=TOLERANCE)
FAR = replace(OTHER, difference=TOLERANCE * 1.01)


@pytest.mark.parametrize(
    ("found", "outcome", "told"),
    [
        (SAME, Outcome.BITS, "reproduced to the bit"),
        (
            replace(SAME, build=TORCH),
            Outcome.BITS,
            "reproduced to the bit, although torch 2.12 then, 2.13 now",
        ),
        (NEAR, Outcome.NOT, "not reproduced: weights differ; predictions differ; the largest "),
        (replace(NEAR, build=TORCH), Outcome.CLOSE, "within 0.01 (the largest difference of 800 "),
        (replace(NEAR, build=TORCH), Outcome.CLOSE, "is 0.01): torch 2.12 then, 2.13 now"),
        (replace(NEAR, build=UNKNOWN), Outcome.CLOSE, "torch unknown then, 2.13 now"),
        (replace(FAR, build=TORCH), Outcome.NOT, "is 0.01; torch 2.12 then, 2.13 now"),
        (replace(NEAR, build=TORCH, difference=float("nan")), Outcome.NOT, "predictions is nan"),
        (
            replace(SAME, kept=(Compared("data", "d1", "d2"),), build=TORCH),
            Outcome.NOT,
            "not reproduced: data differ",
        ),
        (
            replace(SAME, partitions=("customer_features/customer_labels 2024-05-02",)),
            Outcome.NOT,
            "rows of customer_features/customer_labels 2024-05-02 differ",
        ),
        (
            replace(SAME, kept=(Compared("artifact", None, "w1"),)),
            Outcome.BITS,
            "to the bit, although artifact unknown then, w1 now",
        ),
    ],
)
def test_only_what_a_build_explains_is_compared_within_the_tolerance(
    found: Reproduction, outcome: Outcome, told: str
) -> None:
    assert found.outcome is outcome
    assert told in found.told


def test_the_plain_values_have_outcome_and_sentence() -> None:
    plain = SAME.to_dict()
    assert (plain["outcome"], plain["tolerance"]) == ("reproduced to the bit", TOLERANCE)
    assert plain["kept"][0] == {"what": "data", "then": "d1", "now": "d1"}


def test_a_build_names_packages_cpu_and_gpu() -> None:
    found = build()
    assert found.keys() == {"torch", "numpy", "scikit-learn", "cpu", "gpu"}
    assert all(found.values())
