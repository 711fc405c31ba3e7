# SPDX-License-Identifier: Apache-2.0
"""What a network is told of a protocol: found again in a card, the same for every sampling, nothing where unknown."""

import dataclasses

import numpy as np
import pytest

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.basis.files import LineBasis
from fsl_mrs_dl.basis.nominal import features_of, nominal_features
from fsl_mrs_dl.models.protocol_code import DESCRIBED, WIDTH_HZ, ProtocolCode, basis_features
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system


@pytest.fixture(scope="module")
def bases():
    protocols = tuple(p for p, _ in BankConfig(n_members=5, n_positions=4, refocusing=("ideal",)).draw())
    found = [LineBasis({n: simulate_metabolite(load_system(n), p) for n in DESCRIBED}, p) for p in protocols]
    return found, np.stack([features_of(basis) for basis in found])


def test_numbers_have_unit_variance_over_the_bank_and_survive_the_card(bases):
    _, features = bases
    code = ProtocolCode.of(features, 3)
    told = code.known(features)
    assert told.shape == (5, code.n_inputs) == (5, 4)
    np.testing.assert_allclose(told[:, :3].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(told[:, :3].std(axis=0, ddof=1), 1, rtol=1e-4)
    assert (told[:, 3] == 1).all()
    assert not code.unknown(2).any()
    again = ProtocolCode.from_card(code.to_card())
    np.testing.assert_allclose(again.known(features), told, atol=1e-3)


def test_sampling_and_scale_of_a_basis_do_not_matter(bases):
    found, features = bases
    basis = found[0]
    for dwell_s, n_points, scale in ((5e-4, 2048, 1.0), (2.5e-4, 4096, 7.0)):
        signals = {
            name: tuple(
                scale * lines.fid(n_points, dwell_s, lorentz_hz=WIDTH_HZ) for lines in (pair.edit_off, pair.diff)
            )
            for name, pair in basis.pairs.items()
        }
        again = basis_features(signals, dwell_s, basis.sequence.f0_mhz)
        np.testing.assert_allclose(again, features[0], atol=0.01 * np.abs(features[0]).max())


def test_a_basis_far_from_the_bank_gives_no_wild_numbers(bases):
    _, features = bases
    code = ProtocolCode.of(features, 3)
    assert np.abs(code.known(features + 100.0)).max() <= 4.0


def test_a_bank_of_few_members_tells_no_more_than_it_has(bases):
    features = bases[1][:2]
    code = ProtocolCode.of(features, 4)
    assert code.n_inputs == 5
    np.testing.assert_allclose(np.abs(code.known(features)[:, 0]), np.sqrt(0.5), rtol=1e-5)
    np.testing.assert_array_equal(code.known(features)[:, 1:4], 0)
    for n_members in (2, 3, 7):
        alike = ProtocolCode.of(features[[0] * n_members], 4)
        np.testing.assert_array_equal(alike.known(features)[:, :4], 0)


def test_nominal_bases_are_simulated_once_and_do_not_heed_b1(bases, tmp_path):
    protocol = bases[0][0].sequence
    weak = dataclasses.replace(protocol, b1_scale=0.8)
    first = nominal_features((protocol,), tmp_path / "one")
    made = (tmp_path / "one" / "0000.npz").stat().st_mtime_ns
    np.testing.assert_array_equal(nominal_features((protocol,), tmp_path / "one"), first)
    assert (tmp_path / "one" / "0000.npz").stat().st_mtime_ns == made
    np.testing.assert_allclose(nominal_features((weak,), tmp_path / "two"), first)
