# SPDX-License-Identifier: Apache-2.0
"""From a finished run to a model folder: ONNX, safetensors, card; with torch and ONNX compared on the way."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.errors import FslMrsDlError, MissingExtraError
from fsl_mrs_dl.core.files import atomic_path, write_json
from fsl_mrs_dl.core.inference import load_onnxruntime
from fsl_mrs_dl.metabolites.sums import MODES
from fsl_mrs_dl.models.card import CARD_FILE, CARD_VERSION, Card, StageRecord
from fsl_mrs_dl.models.folder import sha256
from fsl_mrs_dl.models.novelty import DescribedInput, describe_inputs, strangeness
from fsl_mrs_dl.models.protocol_probe import describe_protocols
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch, Synthesiser
from fsl_mrs_dl.training.banks import calibration_synthesiser
from fsl_mrs_dl.training.calibrate import calibrate
from fsl_mrs_dl.training.limits import known_limits, limits_of_errors, training_ranges
from fsl_mrs_dl.training.lineage import figures_of, record_of, write_lineage
from fsl_mrs_dl.training.loop import WEIGHTS, Trainer
from fsl_mrs_dl.training.source import CALIBRATION, PROBE, draw

log = logging.getLogger(__name__)


_TRAINING_ONLY = "network.decoder."


_PROBED = 12000
"""Spectra from which is told how protocols look."""

KEPT_BITS = 11
"""Those of half precision: weights are exact to 1 in 2,000, and their errors are independent."""


class _Scaled(nn.Module):
    """The network with its outputs in the units of the input."""

    def __init__(self, network: nn.Module, target_scale: NDArray, sum_scale: NDArray | None = None) -> None:
        super().__init__()
        self.network = network
        self.target_scale: Tensor
        self.register_buffer("target_scale", torch.from_numpy(target_scale))
        self.sum_scale: Tensor
        if sum_scale is not None:
            self.register_buffer("sum_scale", torch.from_numpy(sum_scale))

    def forward(self, channels: Tensor, present: Tensor, protocol: Tensor | None = None) -> tuple[Tensor, ...]:
        inputs = (channels, present) if protocol is None else (channels, present, protocol)
        mean, log_sd, *log_sums = self.network(*inputs)
        scaled = mean * self.target_scale, torch.exp(log_sd) * self.target_scale
        return (*scaled, torch.exp(log_sums[0]) * self.sum_scale) if log_sums else scaled


def export_stage(trainer: Trainer, folder: Path, earlier: tuple[StageRecord, ...]) -> None:
    """Write the weights of a finished stage, from which the next one starts, and its record into `folder`."""
    _write_weights(_rounded(trainer), folder)
    write_lineage(folder, (*earlier, record_of(trainer)))


def export(trainer: Trainer, folder: Path, earlier: tuple[StageRecord, ...] = ()) -> None:
    """Write ``model.onnx``, ``model.safetensors`` and ``card.json`` of a finished run into `folder`.

    Parameters
    ----------
    trainer : Trainer
    folder : Path
    earlier : tuple of StageRecord
        The stages before this run.
    """
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("onnx", "train") from error
    network = _rounded(trainer)
    code = trainer.synthesiser.code
    _write_onnx(network, trainer.config.recipe.grid.n_points, code.n_inputs if code else 0, folder / "model.onnx")
    _write_weights(network, folder)
    synthesiser = calibration_synthesiser(trainer.config, trainer.synthesiser, trainer.folder)
    batch = draw(synthesiser, trainer.config.seed, CALIBRATION, 0, trainer.config.optimiser.n_calibration)
    answers = trainer.answers(batch)
    _check_parity(folder / "model.onnx", batch, answers)
    lineage = (*earlier, record_of(trainer))
    write_json(folder / CARD_FILE, _card(trainer, batch, answers, folder, lineage).to_dict())
    log.info("model written to %s", folder)


def _rounded(trainer: Trainer) -> _Scaled:
    trainer.to_cpu()
    sum_scale = trainer.sum_scale if trainer.predicts_sums else None
    network = _Scaled(trainer.average, trainer.target_scale, sum_scale).eval()
    _round_weights(network)
    return network


def _write_weights(network: nn.Module, folder: Path) -> None:
    with atomic_path(folder / WEIGHTS) as path:
        # a decoder serves training only
        kept = {k: v.contiguous() for k, v in network.state_dict().items() if not k.startswith(_TRAINING_ONLY)}
        save_file(kept, path)


def _round_weights(network: nn.Module) -> None:
    """Leave `KEPT_BITS` significant bits of each weight, in place.

    Every version of a file stays in the repository, and such files compress better.
    """
    with torch.no_grad():
        for weight in network.parameters():
            fraction, exponent = torch.frexp(weight)
            weight.copy_(torch.ldexp(torch.round(fraction * 2**KEPT_BITS), exponent - KEPT_BITS))


def _write_onnx(network: _Scaled, n_points: int, n_protocol: int, target: Path) -> None:
    buffer = io.BytesIO()
    example = {"channels": torch.zeros(2, 4, n_points), "present": torch.ones(2, 2)}
    if n_protocol:
        example["protocol"] = torch.zeros(2, n_protocol)
    results = ["mean", "sd"] + (["sum_sd"] if hasattr(network, "sum_scale") else [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its successor, which needs a further package
        torch.onnx.export(
            network,
            tuple(example.values()),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=17,
            input_names=list(example),
            output_names=results,
            dynamic_axes={name: {0: "n"} for name in (*example, *results)},
        )
    with atomic_path(target) as path:
        path.write_bytes(buffer.getvalue())


Answers = tuple[NDArray, NDArray, NDArray | None]
"""Means, standard deviations and those of sums; see `Trainer.answers`."""


def _check_parity(onnx_file: Path, batch: SynthesisedBatch, answers: Answers) -> None:
    session = load_onnxruntime().InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    given = {"channels": batch.channels, "present": batch.present, "protocol": batch.protocol}
    shown = {name: part[:256] for name, part in given.items() if part is not None}
    pairs = zip(session.run(None, shown), (part[:256] for part in answers if part is not None), strict=True)
    for got, expected in pairs:
        worst = float(np.abs(got - expected).max() / np.abs(expected).max())
        if worst > 1e-4:
            raise FslMrsDlError(
                "the exported network differs from the trained one",
                where=onnx_file,
                expected="1e-4 relative",
                got=f"{worst:.1e}",
            )


def _card(
    trainer: Trainer, batch: SynthesisedBatch, answers: Answers, folder: Path, lineage: tuple[StageRecord, ...]
) -> Card:
    config, recipe = trainer.config, trainer.config.recipe
    mean, sd, sum_sd = answers
    inputs = describe_inputs(batch.channels, batch.present, recipe.grid.step_ppm)
    tested = _simulation_errors(mean, batch, trainer.outputs)
    poor = limits_of_errors(tested)
    for limit in poor:
        log.warning("warning: %s", limit)
    return Card(
        card_version=CARD_VERSION,
        name=config.name,
        outputs=tuple(trainer.outputs),
        conditions=tuple(MODES),
        grid=recipe.grid,
        ranges=training_ranges(recipe),
        calibration=calibrate(mean, sd, batch.target, batch.present, batch.is_brain, trainer.outputs, sum_sd),
        inputs=inputs,
        protocol=protocol_of(trainer.synthesiser, config.seed, batch, inputs),
        simulation_test=tested,
        training=figures_of(lineage, trainer.best),
        lineage=lineage,
        config=json.loads(json.dumps(dataclasses.asdict(config))),
        bank_sha256=trainer.synthesiser.bank.digest,
        versions={
            "fsl_mrs_dl": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        known_limits=(*known_limits(recipe), *poor),
        files={name: sha256(folder / name) for name in ("model.onnx", WEIGHTS)},
    )


def protocol_of(
    synthesiser: Synthesiser, seed: int, batch: SynthesisedBatch, inputs: Mapping[str, DescribedInput]
) -> dict[str, Any]:
    """How protocols are told, and how a spectrum contradicts one; empty for a network that is told none.

    Parameters
    ----------
    synthesiser : Synthesiser
        The training's.
    seed : int
    batch : SynthesisedBatch
        Of calibration.
    inputs : mapping
        What describes its spectra, see `fsl_mrs_dl.models.novelty`.
    """
    if synthesiser.code is None or batch.protocol is None:
        return {}
    recipe = synthesiser.recipe
    told = dataclasses.replace(recipe, told=dataclasses.replace(recipe.told, known_share=1.0))
    maker = Synthesiser(told, synthesiser.bank, synthesiser.code)
    made = [draw(maker, seed, PROBE, index, _PROBED // 12) for index in range(12)]
    assert all(part.protocol is not None for part in made)
    fitted = [np.concatenate([getattr(part, name) for part in made]) for name in ("channels", "present", "protocol")]
    read = describe_protocols(
        (fitted[0], fitted[1], fitted[2]),
        (batch.channels, batch.present, batch.protocol),
        strangeness(inputs, batch.channels, batch.present),
        recipe.grid.step_ppm,
    )
    return {**synthesiser.code.to_card(), "read": read}


def _simulation_errors(
    mean: NDArray, batch: SynthesisedBatch, outputs: tuple[str, ...]
) -> dict[str, dict[str, dict[str, float]]]:
    """Mean absolute error per output in mM on the calibration spectra, with the constant predictor beside it."""
    result: dict[str, dict[str, dict[str, float]]] = {}
    both = batch.present.all(axis=1)
    for kind, rows in (("solution", both & ~batch.is_brain), ("brain", both & batch.is_brain)):
        if rows.sum() < 50:
            continue
        truth = batch.conc_mm[rows]
        estimate = np.maximum(mean[rows], 0) * batch.scale[rows, None]
        result[kind] = {
            name: {
                "mae_mm": float(np.abs(estimate[:, i] - truth[:, i]).mean()),
                "mae_constant_mm": float(np.abs(truth[:, i] - np.median(truth[:, i])).mean()),
            }
            for i, name in enumerate(outputs)
            if truth[:, i].any()
        }
    return result
