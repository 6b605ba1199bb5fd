"""Members that share weights, a neutral start, and two paths beside them."""

import torch

from ml.network import Network, PiecewiseLinear
from ml.task import BINARY

BINS, CARDINALITIES = (4, 0, 2), (5,)


def network(outputs: int = 1, shared: int = 2) -> Network:
    torch.manual_seed(0)
    return Network(
        BINS,
        CARDINALITIES,
        shared,
        outputs=outputs,
        members=3,
        width=8,
        embedding=2,
        dropout=0.0,
    ).eval()


def rows(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    positions = torch.rand(count, len(BINS), generator=generator) * 2
    return positions, torch.randint(5, (count, 1), generator=generator)


def woken(found: Network) -> Network:
    """With a last layer that lets the hidden ones show."""
    torch.nn.init.normal_(found.last.weight)
    return found


def test_a_number_fills_its_bins_from_below_and_a_missing_one_only_its_indicator() -> None:
    positions = torch.tensor([[2.5, 0.0, 1.0], [float("nan"), float("nan"), 2.0]])
    found = PiecewiseLinear(BINS)(positions)
    assert found.tolist() == [
        [1.0, 1.0, 0.5, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    ]


def test_every_member_gives_all_outputs_and_begins_with_what_it_is_told_to() -> None:
    found = network(outputs=2)
    found.start_at(torch.tensor([0.5, -1.0]))
    raw = found(*rows())
    assert raw.shape == (6, 3, 2)
    assert raw.unique(dim=0).tolist() == [[[0.5, -1.0]] * 3]


def test_members_share_their_weights_but_do_not_agree() -> None:
    raw = woken(network())(*rows())
    layers = [block[0].weight for block in network().hidden.blocks]
    assert [tuple(weight.shape) for weight in layers] == [(8, 11), (8, 8)]
    assert (raw[:, 0] - raw[:, 1]).abs().min() > 1e-3


def test_a_member_s_sign_is_that_of_a_whole_feature() -> None:
    signs = network().hidden.blocks[0][0].r
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    assert all((signs[:, part] == signs[:, part][:, :1]).all() for part in (slice(4), slice(4, 6)))


def test_a_category_says_nothing_before_rows_have_taught_it() -> None:
    found, (positions, codes) = woken(network()), rows()
    assert torch.equal(found(positions, codes), found(positions, codes.roll(1, 0)))


def test_the_output_mixes_members_with_the_linear_path_and_adds_the_level() -> None:
    found, inputs = woken(network()), rows()
    shared = torch.rand(6, 2)
    found.linear_share.fill_(0.25)
    torch.nn.init.normal_(found.linear.weight)
    torch.nn.init.normal_(found.level.weight)
    members, linear = BINARY.averaged(found(*inputs)), found.linear(*inputs)
    expected = 0.75 * members + 0.25 * linear + shared @ found.level.weight
    assert torch.allclose(found.output(BINARY, *inputs, shared), expected, atol=1e-6)


def test_without_shared_columns_no_level_is_added() -> None:
    found, inputs = woken(network(shared=0)), rows()
    expected = BINARY.averaged(found(*inputs))
    assert torch.equal(found.output(BINARY, *inputs, torch.empty(6, 0)), expected)
