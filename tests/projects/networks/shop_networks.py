import hashlib
import json

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ml.determinism import deterministic
from ml.estimators import Estimator
from ml.preprocessing import Preprocessing
from ml.tabular import TrainConfig

STEPS = 200


class OneLayer(torch.nn.Module):
    def __init__(self, preprocessing, refit_config):
        super().__init__()
        self.preprocessing, self.schema = preprocessing, preprocessing.schema
        self.refit_config = refit_config  # with it `fit` learns again, without a holdout
        width = len(self.schema.features)
        layers = torch.nn.Linear(width, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1)
        self.layers = torch.nn.Sequential(*layers).double()

    def inputs(self, table):
        rows = self.preprocessing.transform(table)  # quantile positions, codes of levels
        return torch.hstack([rows.positions.nan_to_num(-1.0), rows.codes]).double()

    def predict(self, table):
        with torch.no_grad():
            return self.layers(self.inputs(table)).sigmoid()[:, 0].numpy()

    def described(self):
        kept = {"seed": self.refit_config.seed, "preprocessing": self.preprocessing.to_dict()}
        return json.dumps(kept)

    def digest(self):
        weights = b"".join(w.numpy().tobytes() for w in self.state_dict().values())
        return hashlib.sha256(self.described().encode() + weights).hexdigest()

    def save(self, folder):
        (folder / "described.json").write_text(self.described())
        torch.save(self.state_dict(), folder / "weights.pt")


def load(folder):
    kept = json.loads((folder / "described.json").read_text())
    preprocessing = Preprocessing.from_dict(kept["preprocessing"])
    loaded = OneLayer(preprocessing, TrainConfig(seed=kept["seed"]))
    loaded.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    return loaded


def fit(train, holdout, schema, config, tracker, weights=None):
    with deterministic(config.seed, config.threads):
        made = OneLayer(Preprocessing.fit(train, schema, bins=8, min_level_rows=20), config)
        x, y = made.inputs(train), torch.tensor(schema.labels(train))[:, None]
        w = None if weights is None else torch.tensor(weights / weights.mean())[:, None]
        optimizer = torch.optim.AdamW(made.parameters(), lr=0.03)
        for _ in range(STEPS):
            loss = binary_cross_entropy_with_logits(made.layers(x), y, w)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    tracker.metrics({"train_loss": loss.item()}, STEPS)
    return made


def one_layer():
    return Estimator(fit, load)
