"""Train a registered version again, from the snapshot and settings that it names; write nothing."""

import pyarrow as pa
import pyarrow.compute as pc

from declaration import MlModel
from lifecycle import training_set
from lifecycle.candidate import DIGEST, bits_depend_on
from lifecycle.registered import Registered, registered
from lifecycle.rows_again import Again, changed, read_again, unhashed
from ml.estimators import Fitted, estimator
from ml.fingerprint import fingerprint
from ml.progress import shown
from ml.reproduction import Compared, Reproduction
from ml.splits import Parts
from ml.task import Floats
from ml.tracker import NoTracker
from resources.lake import Lake
from resources.registry import Registry


def reproduce(lake: Lake, registry: Registry, model: MlModel, version: int) -> Reproduction:
    """Train a version again and compare it with what is registered.

    Raises NoEvidenceError where there is no such version or what it was made from is gone, and
    what a training raises.
    """
    return compare(lake, registered(lake, registry, model, version))


def compare(lake: Lake, known: Registered) -> Reproduction:
    """Read a version's rows again, train on them, and put both models side by side."""
    again = read_again(lake, known)
    fitted = train_again(known, again)
    rows = newest(again.parts, known.model.time)
    before, after = known.fitted.predict(rows), fitted.predict(rows)
    digest = known.fitted.digest()
    return Reproduction(
        model=known.model.name,
        version=known.row["version"],
        kind=known.row["kind"],
        snapshot=known.manifest["snapshot"],
        kept=(
            Compared("data", known.row["training_set"], training_set.identity(again.manifest)),
            Compared("artifact", known.tags.get(DIGEST), digest),
            Compared("seed", str(known.model.train.seed), str(known.settings.seed)),
        ),
        trained=(
            Compared("weights", digest, fitted.digest()),
            Compared("predictions", hash_of(known.model, before), hash_of(known.model, after)),
        ),
        build=build_of(known, again),
        partitions=changed(known, again),
        rows=rows.num_rows,
        difference=known.model.target.difference(before, after),
    )


def train_again(known: Registered, again: Again) -> Fitted:
    """Return the retrained model.

    The settings of a refit are its candidate's `refit_config`: they name the epoch to stop after.
    """
    parts = again.parts
    holdout = parts.holdout if known.row["kind"] == "candidate" else None
    fit = estimator(known.estimator).fit
    with shown(NoTracker(), f"{known.model.name} {known.row['version']}") as tracker:
        return fit(parts.train, holdout, again.columns, known.settings, tracker, parts.weights)


def newest(parts: Parts, time: str) -> pa.Table:
    """Return the rows that judged a version; where none did, its newest day of training."""
    if parts.test.num_rows:
        return parts.test
    return parts.train.filter(pc.equal(parts.train[time], pc.max(parts.train[time])))


def hash_of(model: MlModel, predictions: Floats) -> str:
    """Return the hash of predictions."""
    return fingerprint(model.target.table(predictions))


def build_of(known: Registered, again: Again) -> tuple[Compared, ...]:
    """Return what else the bits depend on, then and now."""
    now = {**bits_depend_on(known.settings), "commit": training_set.commit()}
    then = {name: value for name, value in known.tags.items() if value != "unknown"}
    facts = [Compared(name, then.get(name), value) for name, value in now.items()]
    return (*facts, *unhashed(known, again))
