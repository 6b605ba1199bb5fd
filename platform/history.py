"""`leeway run`: a history as range runs, then decision days one after another.

Every run is a Dagster run of the real instance; what is done already is read from the ledger, so
an interrupted history goes on where it stopped.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from dagster import AssetKey, DagsterInstance, Definitions, RunRequest, build_sensor_context

import ledger
from alerting.failures import note_failure
from alerting.outbox import telling
from assets.keys import features_key, labels_key
from assets.partitions import days_between
from declaration import Declaration, MlModel
from declared import declared
from errors import RunFailedError, SetupError
from launch import fail_orphans, fail_unreachable, held_lock, launch
from lifecycle.alias import reconcile_all
from lifecycle.predictions import unscored
from plan import model_steps, over, ranges
from resources.jvm import jvm_for_now
from resources.lake import Lake
from resources.registry import Registry, registry_of
from resources.settings import Settings, settings
from state import ready

WEEK, SHORT_SPAN = 7, 14
Progress = Callable[[str], None]


@dataclass(frozen=True)
class History:
    """Works a span of days off; `first` is also the first partition that may be asked for."""

    definitions: Definitions
    declaration: Declaration
    instance: DagsterInstance
    lake: Lake
    registry: Registry
    settings: Settings
    first: date
    last: date
    progress: Progress

    def run(self) -> None:
        """Load the span's raw rows and features, then decide day by day.

        Raises RunFailedError at the first run that fails. Alerts are told at the end either way.
        """
        with held_lock(self.settings.home), telling(self.lake, self.settings):
            fail_orphans(self.instance, self.settings.home)
            fail_unreachable(self.instance, self.settings.home)
            names = [model.name for model in self.declaration.models]
            reconcile_all(self.lake, self.registry, names)
            self.load()
            for model in self.declaration.models:
                self.score_again(model)
                self.decide(model)

    def load(self) -> None:
        """Take in raw rows and build features and labels, by range, where the ledger has none.

        Views come first, where there is anything to load: nothing else reads them.
        """
        days, lacking = days_between(self.first, self.last), self.lacking()
        taken = [set(ledger.days_taken(self.lake, t.name)) for t in self.declaration.tables]
        if lacking or any(set(days) - done for done in taken):
            self.launch(RunRequest(job_name="views"), "views")
        with jvm_for_now():  # features take their memory after it
            for done in taken:
                self.by_range("ingest", (day for day in days if day not in done))
        for tables in dict.fromkeys(lacking.values()):
            self.build(tables, [day for day, without in lacking.items() if without == tables])

    def lacking(self) -> dict[date, frozenset[AssetKey]]:
        """Return the features and labels that days lack, by day; labels once they have matured.

        Without any model every day is named: the tables of such a project are built each time.
        """
        found: dict[date, set[AssetKey]] = {
            day: set() for day in days_between(self.first, self.last)
        }
        models = self.declaration.models
        for model in models:
            matured = self.last - timedelta(model.label.horizon_days)
            for key, checksum, last in (
                (features_key(model), model.features_checksum, self.last),
                (labels_key(model), model.label_checksum, matured),
            ):
                built = set(ledger.days_built(self.lake, {key.path[-1]: checksum}))
                for day in days_between(self.first, last):
                    if day not in built:
                        found[day].add(key)
        return {day: frozenset(keys) for day, keys in found.items() if keys or not models}

    def build(self, tables: frozenset[AssetKey], days: Sequence[date]) -> None:
        """Build these features and labels of days, and no others.

        A table that is no model's is built with all features.
        """
        features = {features_key(model) for model in self.declaration.models}
        labels = {labels_key(model) for model in self.declaration.models}
        if tables == features | labels:
            self.by_range("history", days)
            return
        if tables >= features:
            self.by_range("features", days)
            tables -= features
        if tables:
            self.by_range("history", days, tables=sorted(tables, key=AssetKey.to_user_string))

    def score_again(self, model: MlModel) -> None:
        """Score and measure days whose predictions went with features that failed, now repaired."""
        newest = ledger.frontier(self.lake, model.name)
        days = unscored(self.lake, model, self.first, newest["as_of"]) if newest else []
        self.by_range(f"{model.name}_scoring", days)
        matured = self.last - timedelta(model.label.horizon_days)
        self.by_range(f"{model.name}_measuring", (day for day in days if day <= matured))

    def decide(self, model: MlModel) -> None:
        """Score, watch and decide on every decision day; sensors start what was decided."""
        newest = ledger.frontier(self.lake, model.name)
        after = newest["as_of"] if newest else self.first - timedelta(days=1)
        self.answer(model)
        while after < self.last:
            day = min(after + timedelta(days=self.stride(model)), self.last)
            for step in self.steps(model, after, day):
                self.launch(step, f"{model.name} {day}: {step.job_name}")
            self.answer(model)
            after = day

    def steps(self, model: MlModel, after: date, day: date) -> Iterable[RunRequest]:
        """Return the runs of one decision day; before the first champion only the decision."""
        champion = ledger.champion_on(self.lake, model.name, day) is not None
        return model_steps(
            model, after, day, self.first, has_champion=champion, labels_are_built=True
        )

    def stride(self, model: MlModel) -> int:
        """Return days to the next decision: one while an alarm is up or the span is short."""
        short = (self.last - self.first).days < SHORT_SPAN
        return 1 if short or ledger.alarms(self.lake, model.name) else WEEK

    def answer(self, model: MlModel) -> None:
        """Evaluate the model's real sensor on the real instance and launch what it requests."""
        name = f"{model.name}_retrain_on_drift"
        sensor = self.definitions.resolve_sensor_def(name)
        context = build_sensor_context(
            self.instance,
            repository_def=self.definitions.get_repository_def(),
            resources={"lake": self.lake},
        )
        for request in sensor.evaluate_tick(context).run_requests or []:
            self.launch(request, f"{model.name} {request.partition_key}: training", name)

    def by_range(
        self,
        job: str,
        days: Iterable[date],
        tables: Sequence[AssetKey] = (),
    ) -> None:
        """Launch range runs of a job, or of some of its tables; `plan.ranges` says how long."""
        rows = ledger.rows_delivered(self.lake)
        for first, last in ranges(sorted(days), rows):
            request = over(job, first, last).with_replaced_attrs(asset_selection=list(tables))
            self.launch(request, f"{job} {first}..{last}")

    def launch(self, request: RunRequest, label: str, sensor: str = "") -> None:
        """Run a request to its end."""
        self.progress(label)
        try:
            launch(self.definitions, self.instance, request, sensor)
        except RunFailedError as failed:
            run = self.instance.get_run_by_id(failed.run_id)
            if run:
                note_failure(self.lake, self.instance, run, self.settings)
            raise


def load_history(first: date, last: date, progress: Progress) -> History:
    """Open the real code location, instance and lake for a span of days."""
    from definitions import build, start_of
    from resources.dbt import manifest

    loaded = settings()
    declaration = declared(manifest(loaded.home, loaded.dbt_project_dir))
    check_span(first, last, start_of(loaded, declaration))
    return History(
        definitions=build(loaded),
        declaration=declaration,
        instance=DagsterInstance.get(),
        lake=ready(loaded, declaration),
        registry=registry_of(loaded),
        settings=loaded,
        first=first,
        last=last,
        progress=progress,
    )


def check_span(first: date, last: date, start: date) -> None:
    """Raise SetupError for days that have no partition."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if not start <= first <= last <= yesterday:
        raise SetupError(
            f"--from {first} --to {last}: give days in order, from {start} (LEEWAY_START, or the "
            f"earliest ingest.start) to {yesterday}, the last day that is over"
        )
