# SPDX-License-Identifier: Apache-2.0
"""The shipped weights are those of the networks that the package builds today, and answer as what `fit` runs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from fsl_mrs_dl.core.resources import shipped_models, weights_folder  # noqa: E402
from fsl_mrs_dl.models.folder import open_model  # noqa: E402
from fsl_mrs_dl.models.sessions import Sessions  # noqa: E402


def torch_answers(folder, inputs):
    """Means, standard deviations, and those of sums where there are any, of the network built from the card."""
    from safetensors.torch import load_file

    from fsl_mrs_dl.networks import build_network

    card = open_model(folder).card
    weights = load_file(folder / "model.safetensors")
    scale = weights.pop("target_scale")
    sum_scale = weights.pop("sum_scale", None)
    network = build_network(card.config["network"], card.grid.n_points, len(card.outputs)).eval()
    given = {name.removeprefix("network."): weight for name, weight in weights.items()}
    missing, unknown = network.load_state_dict(given, strict=False)
    assert not unknown
    # what learns the undisturbed spectra is not shipped
    assert [name for name in missing if not name.startswith("decoder.")] == []
    with torch.inference_mode():
        mean, log_sd, *log_sums = network(*(torch.from_numpy(part) for part in inputs if part is not None))
    scaled = mean * scale, torch.exp(log_sd) * scale
    answers = (*scaled, torch.exp(log_sums[0]) * sum_scale) if log_sums else scaled
    return [answer.numpy() for answer in answers]


def shown(card):
    """Made-up inputs: noise of unit power, either condition or both, and any protocol."""
    rng = np.random.default_rng(4)
    present = np.array([[1, 1], [1, 0], [0, 1], [1, 1]], np.float32)
    channels = rng.normal(size=(4, 4, card.grid.n_points)).astype(np.float32) * present.repeat(2, axis=1)[:, :, None]
    n_protocol = card.config["network"].get("protocol_inputs", 0)
    protocol = rng.uniform(-1, 1, size=(4, n_protocol)).astype(np.float32) if n_protocol else None
    return channels, present, protocol


def members(name):
    """Folders of the networks of a model: its own, or those of an ensemble's members."""
    folder = weights_folder() / name
    return [weights_folder() / member for member in open_model(folder).card.members] or [folder]


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_weights_load_and_answer_as_the_exported_network(name):
    model = open_model(weights_folder() / name)
    inputs = shown(open_model(members(name)[0]).card)
    expected = [torch_answers(folder, inputs) for folder in members(name)]
    got = [part for part in Sessions(model).answers(*inputs) if part is not None]
    if len(expected) > 1:
        # the equal mixture of the members' normal distributions
        means, spreads = (np.array(parts) for parts in zip(*expected, strict=True))
        mean = means.mean(axis=0)
        expected = [[mean, np.sqrt((spreads**2 + means**2).mean(axis=0) - mean**2)]]
    assert len(got) == len(expected[0])
    for ours, theirs in zip(got, expected[0], strict=True):
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
