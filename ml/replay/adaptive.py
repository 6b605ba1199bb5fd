"""Production's policy on a history: score, try, watch, decide, train, day by day."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, timedelta

from ml import policy
from ml.cadence import Training as Recalled
from ml.errors import SplitError
from ml.incident import Finding
from ml.offers import learnable
from ml.raised import change_point, failed, new_since
from ml.recipes import Recipe, recipes
from ml.replay.outcome import Alarm, Outcome, Training
from ml.replay.plan import Plan
from ml.replay.reigns import Reigns
from ml.replay.train import judge, offered
from ml.replay.trying import Trying
from ml.replay.version import cpu_seconds
from ml.replay.watch import Watcher
from ml.replay.world import World
from ml.watching import Check


class Adaptive:
    """The state of one replay; `day` is called for every day, in order."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.plan = replace(world, excluded=set()), plan
        self.reigns = Reigns(self.world)
        self.watcher = Watcher(self.world, plan.config.seed, plan.watch_days)
        self.trying: Trying | None = None
        self.resting: dict[str, date] = {}
        self.recalled: list[Recalled] = []
        self.previous: policy.Previous | None = None
        self.trainings: list[Training] = []
        self.alarms: list[Alarm] = []
        self.up: set[str] = set()
        self.rollbacks: list[tuple[date, str]] = []
        self.incidents: list[date] = []

    def day(self, as_of: date) -> None:
        """Do what production does at the end of a day."""
        self.reigns.score(as_of)
        checks, findings = self._watch(as_of)
        if self._try(as_of):
            checks = ()  # of a version that is gone
        since = self._new_since(as_of, checks)
        rows = self._learnable(as_of, checks, since)
        evidence = self._evidence(as_of, checks, findings, rows, since)
        history = policy.History(self.previous, tuple(self.recalled))
        decision = policy.decide(evidence, history, self._policy())
        self.previous = policy.Previous.of(decision)
        if decision.kind == "incident":
            self.incidents.append(as_of)
        if decision.kind == "retrain":
            self._train(decision, checks)

    def outcome(self, seconds: float) -> Outcome:
        """All that has happened; seconds: of CPU."""
        return Outcome(
            "adaptive",
            self.reigns.days,
            self.trainings,
            self.reigns.deployments(),
            self.alarms,
            self.rollbacks,
            self.incidents,
            seconds,
        )

    def _try(self, as_of: date) -> bool:
        """Go back where the trial says so; returns whether it did."""
        if self.trying is None:
            return False
        why = self.trying.lost(as_of, self.plan.config.seed)
        if why:
            self.reigns.go_back(as_of, self.trying.shadow)
            until = as_of + timedelta(days=self.plan.rest_days)
            self.resting[self.trying.version.recipe] = until
            self.rollbacks.append((as_of, why))
        if why or as_of >= self.trying.trial.end:
            self.trying = None
        return bool(why)

    def _watch(self, as_of: date) -> tuple[tuple[Check, ...], tuple[Finding, ...]]:
        """Ask the alarms, and note those that have come up."""
        live = self.reigns.live
        if live is None:
            window = [as_of - timedelta(days=n) for n in range(self.plan.watch_days)]
            return (), self.world.findings_of(window)
        checks, findings = self.watcher.watch(live, self.reigns, as_of)
        raised = [c for c in checks if not c.passed and c.severity == "ERROR"]
        new = [check for check in raised if check.name not in self.up]
        gone = self.up - {check.name for check in raised}
        self._settle(gone, confirmed=False)
        self.alarms += [Alarm(as_of, check.name, check.since) for check in new]
        self.up = {check.name for check in raised}
        return checks, findings

    def _settle(self, names: Collection[str], *, confirmed: bool) -> None:
        """Say of the alarms of these names that are still open what has come of them."""
        self.alarms = [
            replace(alarm, confirmed=confirmed)
            if alarm.confirmed is None and alarm.check in names
            else alarm
            for alarm in self.alarms
        ]

    def _new_since(self, as_of: date, checks: tuple[Check, ...]) -> date | None:
        live = self.reigns.live
        return new_since(checks, live.let_in_for if live else None, as_of, self.plan.windows)

    def _learnable(
        self, as_of: date, checks: tuple[Check, ...], since: date | None
    ) -> dict[str, int]:
        """Rows that each different recipe would learn from."""
        lane, recipes = policy.lane_of(failed(checks), since), self._recipes(checks, since)
        try:
            offers = offered(self.plan, as_of, recipes, lane, self.reigns.live, since)
        except SplitError:
            return {}  # no day since the alarm's cause has matured
        days = sorted({day for split in offers for day in split.train_days})
        schema = self.world.schema
        keys = self.world.of(self.world.sound(days))
        return learnable(offers, keys, schema.time, schema.entity)

    def _evidence(
        self,
        as_of: date,
        checks: tuple[Check, ...],
        findings: tuple[Finding, ...],
        rows: Mapping[str, int],
        since: date | None,
    ) -> policy.Evidence:
        live, matured = self.reigns.live, self.world.matured(as_of)
        unseen = [d for d in self.world.spans if live and live.as_of < d <= matured]
        resting = {recipe: day for recipe, day in self.resting.items() if as_of < day}
        return policy.Evidence(
            as_of,
            policy.most_rows(rows, resting),
            has_champion=live is not None,
            unseen_days=len(self.world.sound(unseen)),
            failed=failed(checks),
            incidents=findings,
            resting=resting,
            learnable=rows,
            new_since=since,
        )

    def _policy(self) -> policy.RetrainPolicy:
        plan = self.plan
        return policy.RetrainPolicy(
            min_rows=plan.min_rows,
            cooldown_days=plan.cooldown_days,
            min_unseen_days=plan.windows.test_days // 2,
            cadence=plan.cadence,
            budget=plan.budget,
        )

    def _recipes(self, checks: tuple[Check, ...], since: date | None) -> tuple[Recipe, ...]:
        plan, change = self.plan, change_point(checks) or since
        return recipes(plan.recipes, plan.window_days, plan.every_days, change)

    def _train(self, decision: policy.Decision, checks: tuple[Check, ...]) -> None:
        as_of, rival, began = decision.as_of, self.reigns.live, cpu_seconds()
        since = decision.evidence.new_since
        judged = judge(
            self.world, self.plan, as_of, self._recipes(checks, since),
            resting=decision.evidence.resting, lane=decision.lane, rival=rival, since=since,
            number=len(self.trainings) + 1,
        )  # fmt: skip
        if judged.recipe is None:
            return  # came to no verdict, so it is asked for again, as a run that fails is
        deployed = judged.version is not None
        self.trainings.append(
            Training(
                as_of,
                decision.reasons,
                decision.lane,
                judged.recipe,
                deployed,
                judged.why,
                cpu_seconds() - began,
            )
        )
        self.recalled.append(Recalled(as_of, deployed, decision.by_alarm))
        if deployed and decision.by_alarm:
            self._settle(self.up, confirmed=True)
        if judged.version:
            self.reigns.crown(as_of, judged.version)
            if rival:
                days = self.plan.trial_days
                self.trying = Trying.begin(self.world, judged.version, rival, days)
