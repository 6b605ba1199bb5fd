"""Tables for a terminal, drawn by rich."""

from datetime import date
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # `leeway sql` draws tables as well, and loads no model
    from demo import Losses, Story
    from status import ModelStatus, Status

MOST_DAYS = 10  # of a table that are told with their reasons


def show_status(out: Console, found: "Status") -> None:
    """Print tables, models and alerts."""
    tables = Table("table", "days", "files", "read", "accepted", "quarantined", "held")
    for name, table in found.tables.items():
        counts = (table.rows_read, table.rows_accepted, table.rows_quarantined)
        held = ", ".join(map(str, table.held)) or "none"
        days = (str(table.days), str(table.files))
        add_row(tables, name, *days, *(f"{count:,}" for count in counts), held)
    out.print(tables)
    _show_days(out, found)
    for name, model in found.models.items():
        out.print(_model(name, model))
    for alert in found.alerts:
        out.print(f"{alert.day} {alert.kind} {alert.subject}: {alert.message}", markup=False)


def add_row(table: Table, *cells: str) -> None:
    """Add a row of what may come from a file: its brackets are no markup of rich's."""
    table.add_row(*(Text(cell) for cell in cells))


def _show_days(out: Console, found: "Status") -> None:
    """Print the newest days that something is to be said of, with why."""
    told = [
        *((name, "held", table.held) for name, table in found.tables.items()),
        *((name, "warning", table.warnings) for name, table in found.tables.items()),
        *((name, "left out", table.left_out) for name, table in found.features.items()),
    ]
    for name, what, days in told:
        for day, why in list(days.items())[-MOST_DAYS:]:
            out.print(f"{name} {day} {what}: {why}", markup=False, highlight=False)


def show_story(out: Console, story: "Story", found: "Status") -> None:
    """Print what the loop did about a drift, two columns."""
    table = Table("what", "value", title="What the loop did")
    for raw in found.tables.values():
        table.add_row("days", str(raw.days))
        table.add_row("rows read", f"{raw.rows_read:,}")
        table.add_row(
            "rows accepted / quarantined", f"{raw.rows_accepted:,} / {raw.rows_quarantined:,}"
        )
        table.add_row("days held", ", ".join(map(str, raw.held)) or "none")
    trained = sum(model.trainings for model in found.models.values())
    table.add_row("models trained", str(trained))
    table.add_row("drift injected on", _day(story.drift))
    table.add_row("alarm raised on", _day(story.alarm))
    table.add_row("new model promoted on", _day(story.promotion))
    spans = {
        "loss before the drift": story.before,
        "loss after the drift, until the promotion": story.between,
        "loss after the promotion": story.after,
    }
    for name, losses in spans.items():
        table.add_row(name, _losses(losses))
    out.print(table)


def _model(name: str, model: "ModelStatus") -> Table:
    from lifecycle.move import OVER

    live = (
        f"version {model.champion} since {model.champion_since}" if model.champion else "none yet"
    )
    title = f"{name}: champion {live}; {model.trainings} trainings, {model.versions} versions"
    table = Table("day", "what", "why", title=Text(title), title_justify="left")
    if model.features.stands != OVER:
        add_row(table, "now", "move to changed features", model.features.stands)
    if model.trial:
        what = f"on trial until {model.trial.until}"
        add_row(table, str(model.champion_since), what, _beside(model))
    for alarm in model.alarms:
        add_row(table, str(alarm.as_of), f"alarm: {alarm.name}", alarm.reason)
    for decision in model.decisions:
        why = "; ".join(decision.reasons) or "nothing failed"
        add_row(table, str(decision.as_of), f"decision: {decision.kind}", why)
    for promotion in model.promotions:
        verdict = "promoted" if promotion.promoted else "rejected"
        what = f"version {promotion.version} {verdict}"
        add_row(table, str(promotion.as_of), what, "; ".join(promotion.reasons))
    return table


def _beside(model: "ModelStatus") -> str:
    trial = model.trial
    if trial is None or trial.loss is None or trial.shadow_loss is None:
        return f"version {trial.shadow if trial else None} scores beside it; no day has matured"
    return (
        f"version {model.champion}: loss {trial.loss:.4f} against {trial.shadow_loss:.4f} of "
        f"shadow version {trial.shadow} ({trial.days} days)"
    )


def _day(day: date | None) -> str:
    return str(day) if day else "none"


def _losses(losses: "Losses | None") -> str:
    if losses is None:
        return "no matured days"
    return (
        f"{losses.live:.4f} live, {losses.without_retraining:.4f} without retraining "
        f"({losses.days} days)"
    )
