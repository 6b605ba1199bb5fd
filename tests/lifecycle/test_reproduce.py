"""`leeway reproduce` on a candidate and its refit, of a real lake and a real MLflow."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from cli import app
from errors import NoEvidenceError
from lifecycle import training_set
from lifecycle.candidate import DIGEST
from lifecycle.registered import Registered, registered
from lifecycle.reproduce import compare, reproduce
from lifecycle.rows_again import read_again
from ml.reproduction import TOLERANCE, Outcome, Reproduction
from ml.tabular import TabularModel
from resources.lake import attached
from resources.mlflow_versions import load
from resources.settings import settings

LOST = date(2024, 2, 19)  # a day of training whose features lie in a file of their own
FEATURES = "features.customer_features"


@pytest.fixture(scope="module")
def world(make_world, shop_model):
    """A candidate, and the refit that was promoted; the seed makes its versions its own."""
    train = shop_model.train.model_copy(update={"estimator": "small", "seed": 23})
    made = make_world(model=shop_model.model_copy(update={"train": train}))
    execute(made, f"update {FEATURES} set visits = visits where as_of = '{LOST}'")
    made.decide(made.first_decision)
    assert made.train(made.first_decision)["promoted"]
    return made


def execute(world, statement: str) -> None:
    world.lake.transact(lambda connection: connection.execute(statement))


def version_of(world, kind: str) -> int:
    [row] = world.lake.rows("select version from ledger.versions where kind = ?", [kind])
    return row["version"]


def known_of(world, kind: str) -> Registered:
    return registered(world.lake, world.registry, world.model, version_of(world, kind))


def again(world, kind: str) -> Reproduction:
    return reproduce(world.lake, world.registry, world.model, version_of(world, kind))


def at_newest(world, known: Registered) -> Registered:
    """The version as if it had been trained from the lake as it is now."""
    return replace(known, manifest={**known.manifest, "snapshot": world.lake.snapshot()})


def shifted(fitted: TabularModel, by: float) -> TabularModel:
    """The model with other log-odds; `fitted` itself changes."""
    with torch.no_grad():
        fitted.network.linear.bias.add_(by)
    return fitted


@contextmanager
def tampered(world, version: int, by: float) -> Iterator[None]:
    """Other weights in the files of a registered version."""
    uri = world.registry.client.get_model_version_download_uri(world.model.name, str(version))
    [folder] = (entry for entry in (Path(uri.removeprefix("file://")) / "artifacts").iterdir())
    weights = (folder / "weights.pt").read_bytes()
    shifted(TabularModel.load(folder), by).save(folder)
    load.cache_clear()
    yield
    (folder / "weights.pt").write_bytes(weights)
    load.cache_clear()


@pytest.mark.parametrize(("kind", "judged"), [("candidate", 8000), ("refit", 800)])
def test_a_version_is_reproduced_to_the_bit(world, kind: str, judged: int) -> None:
    found = again(world, kind)
    assert found.outcome is Outcome.BITS
    assert all(each.same for each in (*found.kept, *found.trained))
    assert (found.kind, found.rows, found.difference, found.partitions) == (kind, judged, 0.0, ())
    assert {each.what for each in found.changed} <= {"commit"}  # it is not known outside git
    assert {each.what for each in found.build} >= {"torch", "numpy", "cpu", "threads", "commit"}


def test_a_refit_was_trained_with_the_settings_that_its_candidate_found(world) -> None:
    candidate, refit = (known_of(world, kind).fitted for kind in ("candidate", "refit"))
    assert refit.config == candidate.refit_config
    assert refit.config.stop_after == candidate.epochs_run


def test_rows_that_change_after_the_snapshot_do_not_matter(world) -> None:
    execute(world, f"update {FEATURES} set visits = visits + 1 where as_of = '{LOST}'")
    assert again(world, "candidate").outcome is Outcome.BITS


def test_rows_that_are_others_at_the_snapshot_are_named_by_table_and_day(world) -> None:
    known = known_of(world, "refit")
    own = max(set(known.manifest[training_set.REFIT]) - set(known.manifest["partitions"]))
    for day in (LOST, own):
        execute(world, f"update {FEATURES} set visits = 9 - visits where as_of = '{day}'")
    found = compare(world.lake, at_newest(world, known))
    assert found.outcome is Outcome.NOT
    assert found.partitions == (
        f"customer_features/customer_labels {LOST}",
        f"customer_features/customer_labels {own}",
    )
    assert f"data differ; weights differ; predictions differ; rows of {found.partitions[0]}" in (
        found.told
    )


def test_nothing_is_written(world) -> None:
    def written() -> tuple:
        client, name = world.registry.client, world.model.name
        [experiment] = [client.get_experiment_by_name(name).experiment_id]
        versions = client.search_model_versions(f"name = '{name}'")
        runs = client.search_runs([experiment])
        return world.lake.snapshot(), len(versions), [run.to_dictionary() for run in runs]

    before = written()
    again(world, "refit")
    assert written() == before


def test_altered_weights_are_told(world) -> None:
    with tampered(world, version_of(world, "candidate"), by=0.5):
        found = again(world, "candidate")
    assert found.outcome is Outcome.NOT
    assert "not reproduced: artifact differ; weights differ; predictions differ" in found.told
    assert found.difference > TOLERANCE


def test_a_small_difference_is_forgiven_only_where_the_build_has_changed(world) -> None:
    known = known_of(world, "candidate")
    load.cache_clear()  # the next line alters what this process shares
    other = replace(known, fitted=shifted(known.fitted, 1e-4))
    kept = {**known.tags, DIGEST: other.fitted.digest()}
    assert compare(world.lake, replace(other, tags=kept)).outcome is Outcome.NOT
    found = compare(world.lake, replace(other, tags={**kept, "torch": "2.0.1"}))
    assert found.outcome is Outcome.CLOSE
    assert 0 < found.difference < TOLERANCE
    assert "torch 2.0.1 then, " in found.told


def test_another_thread_count_and_what_was_not_kept_are_told(world) -> None:
    known = known_of(world, "refit")
    manifest = {key: kept for key, kept in known.manifest.items() if key != training_set.REFIT}
    tags = {"threads": "3", "commit": known.tags["commit"]}
    found = compare(world.lake, replace(known, manifest=manifest, tags=tags))
    assert found.outcome is Outcome.BITS
    assert "although artifact unknown then" in found.told
    assert "torch unknown then" in found.told
    assert "threads 3 then, 1 now" in found.told
    assert " days of 2024-01-" in found.told


def test_files_that_are_gone_are_named_by_table_and_day(world) -> None:
    known = known_of(world, "candidate")
    [file] = world.lake.rows(
        """select data_file from ducklake_list_files('lake', 'customer_features',
        schema => 'features', snapshot_version => $1) where data_file in (
            select distinct filename from features.customer_features at (version => $1)
            where as_of = $2)""",
        [known.manifest["snapshot"], LOST],
    )
    place = Path(file["data_file"])
    place.rename(place.with_suffix(".away"))
    with pytest.raises(NoEvidenceError, match=rf"rows of customer_features {LOST} at snapshot"):
        compare(world.lake, known)
    place.with_suffix(".away").rename(place)


def test_a_day_without_rows_is_named_with_the_table_that_lacks_them(world) -> None:
    known = known_of(world, "candidate")
    execute(world, f"delete from features.customer_labels where as_of = '{LOST}'")
    with pytest.raises(NoEvidenceError, match=rf"rows of customer_labels {LOST} at .* no rows"):
        read_again(world.lake, at_newest(world, known))


def test_an_expired_snapshot_is_named_with_all_that_was_read_at_it(world) -> None:
    known = at_newest(world, known_of(world, "candidate"))
    snapshot = known.manifest["snapshot"]
    execute(world, "create table ml.something_later as select 1 as one")
    execute(world, f"call ducklake_expire_snapshots('lake', versions => [{snapshot}])")
    attached.cache_clear()
    with pytest.raises(NoEvidenceError, match=rf"snapshot {snapshot} are gone: the snapshot has"):
        read_again(world.lake, known)
    with pytest.raises(NoEvidenceError, match=r"customer_features 2024-01-.*; customer_labels 20"):
        read_again(world.lake, known)


@pytest.fixture(scope="module")
def typed(world, tmp_path_factory) -> Iterator[None]:
    """The settings of a home whose lake and MLflow are the world's."""
    before = dict(os.environ)
    os.environ |= {
        "LEEWAY_HOME": str(tmp_path_factory.mktemp("home")),
        "LEEWAY_LAKE_CATALOG": world.lake.catalog,
        "LEEWAY_LAKE_DATA": world.lake.data,
        "LEEWAY_MLFLOW_URI": world.registry.uri,
        "COLUMNS": "200",
    }
    settings.cache_clear()
    yield
    settings.cache_clear()
    os.environ.clear()
    os.environ.update(before)


def test_the_command_says_it_as_a_table_and_as_json(world, typed) -> None:
    version = str(version_of(world, "refit"))
    arguments = ["reproduce", world.model.name, version]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert f"repeat_purchase version {version}: reproduced to the bit" in done.output
    with tampered(world, int(version), by=0.5):
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["outcome"], told["kind"]) == ("not reproduced", "refit")
    assert told["trained"][0]["then"] != told["trained"][0]["now"]


def test_a_version_that_is_not_there_is_named_with_those_that_are(world) -> None:
    with pytest.raises(NoEvidenceError, match=r"has no version 999: .*choose from \d+, \d+"):
        reproduce(world.lake, world.registry, world.model, 999)


def test_a_version_whose_files_are_gone_says_where_they_belong(world) -> None:
    execute(world, "insert into ledger.versions (model, version) values ('repeat_purchase', 998)")
    with pytest.raises(NoEvidenceError, match="version 998 cannot be read from MLflow"):
        reproduce(world.lake, world.registry, world.model, 998)
