"""What policies did, in numbers: rows for a terminal, a page or JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from ml.replay.outcome import Outcome

HEADINGS = (
    "policy", "loss", "against never", "trainings", "deployed", "worse", "rolled back", "alarms",
    "confirmed", "delay", "incidents", "CPU s",
)  # fmt: skip


def since(outcomes: Sequence[Outcome]) -> date:
    """The first day on which every policy has a live model."""
    return max(outcome.days[0].day for outcome in outcomes)


def rows(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """One row per policy, under `HEADINGS`; losses a row, delays in days."""
    begin = since(outcomes)
    idle = next((o.mean_loss(begin) for o in outcomes if o.policy == "never"), None)
    return [_row(outcome, outcome.mean_loss(begin), idle) for outcome in outcomes]


def to_dict(outcomes: Sequence[Outcome], estimator: str) -> dict[str, Any]:
    """Everything, for JSON."""
    begin = since(outcomes)
    return {
        "estimator": estimator,
        "since": begin.isoformat(),
        "policies": [
            {**asdict(outcome), "mean_loss": outcome.mean_loss(begin)} for outcome in outcomes
        ],
    }


def _row(outcome: Outcome, loss: float, idle: float | None) -> list[str]:
    share = "" if idle is None else f"{loss / idle - 1:+.2%}"
    worse = sum(deployment.is_worse for deployment in outcome.deployments)
    delay = outcome.median_delay
    return [
        outcome.policy,
        f"{loss:.4f}",
        share,
        str(len(outcome.trainings)),
        str(len(outcome.deployments)),
        str(worse),
        str(len(outcome.rollbacks)),
        str(len(outcome.alarms)),
        str(outcome.alarms_of(True)),
        "" if delay is None else f"{delay:g}",
        str(len(outcome.incidents)),
        f"{outcome.seconds:.0f}",
    ]
