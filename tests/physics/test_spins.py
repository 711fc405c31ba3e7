# SPDX-License-Identifier: Apache-2.0
"""The table of spin systems, and users' own."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.io.spin_files import read_spin_systems
from fsl_mrs_dl.physics.sequences import Block, Experiment, IdealPulse
from fsl_mrs_dl.physics.simulate import simulate
from fsl_mrs_dl.physics.spins import known_metabolites, load_system
from fsl_mrs_dl.physics.spins.temperature import PPM_PER_K, SAME_PPM
from fsl_mrs_dl.physics.spins.user import parse_systems, to_fsl

FSL_NAMES = (
    "Ace Ala Asc Asp Cit Cr EtOH GABA GABA_gov GPC GSH GSH_v2 Glc Gln Glu Gly H2O Ins Lac NAA NAAG PCh PCr PE Phenyl "
    "Scyllo Ser Tau Tyros bHB bHG"
)
# protons that the table holds: all on carbon, and the NH that are seen in vivo (Cr, PCr, NAA, NAAG, GSH, Gln)
PROTONS = {
    "Ace": 3,
    "Ala": 4,
    "Asc": 4,
    "Asp": 3,
    "Cit": 4,
    "Cr": 6,
    "EtOH": 5,
    "GABA": 6,
    "GABA_gov": 6,
    "GPC": 18,
    "GSH": 11,
    "GSH_v2": 10,
    "Glc": 7,
    "Gln": 7,
    "Glu": 5,
    "Gly": 2,
    "H2O": 2,
    "Ins": 6,
    "Lac": 4,
    "NAA": 7,
    "NAAG": 13,
    "PCh": 13,
    "PCr": 7,
    "PE": 4,
    "Phenyl": 8,
    "Scyllo": 6,
    "Ser": 3,
    "Tau": 4,
    "Tyros": 7,
    "bHB": 6,
    "bHG": 5,
}


def test_every_metabolite_of_fsl_mrs_is_known():
    assert set(FSL_NAMES.split()) == set(known_metabolites())


@pytest.mark.parametrize("name", sorted(PROTONS))
def test_protons_shifts_and_couplings_are_those_of_the_molecule(name):
    system = load_system(name)
    assert system.n_protons == pytest.approx(PROTONS[name])
    for group in system.groups:
        assert 1 <= group.n_spins <= 9
        assert all(0.5 < shift < 9 for shift in group.shifts_ppm)
        assert all(0 <= a < b < group.n_spins and 0 < abs(j) < 20 for a, b, j in group.couplings)
        assert len({(a, b) for a, b, _ in group.couplings}) == len(group.couplings)


@pytest.mark.parametrize("name", sorted(PROTONS))
def test_pulse_and_acquire_shows_every_proton_once(name):
    experiment = Experiment((Block(IdealPulse(90.0, 90.0), 0.0),), 127.73, 3.0)
    system = load_system(name)
    assert simulate(system, [experiment])[0].amplitude.sum() == pytest.approx(system.n_protons, abs=1e-4)


def test_sources_are_all_defined():
    from importlib import resources

    table = json.loads(resources.files("fsl_mrs_dl.physics.spins").joinpath("systems.json").read_text("utf-8"))
    cited = {key for name in known_metabolites() for key in load_system(name).sources}
    assert cited <= set(table["sources"])
    assert all("doi" in text or "Wiley" in text for text in table["sources"].values())


@pytest.mark.parametrize("name", sorted(PROTONS))
def test_systems_survive_the_form_of_fsl_mrs(name):
    system = load_system(name)
    back = parse_systems(json.loads(json.dumps({f"sys{name}": to_fsl(system)})), "file")[name]
    for ours, theirs in zip(system.groups, back.groups, strict=True):
        assert theirs.shifts_ppm == ours.shifts_ppm
        assert sorted(theirs.couplings) == sorted(ours.couplings)
        assert theirs.multiplicity == ours.multiplicity


def test_temperature_moves_the_shifts_whose_coefficients_are_known():
    water = load_system("H2O")
    assert water.at_temperature(37.0) == water
    # 0.0103 ppm per kelvin
    assert water.at_temperature(20.0).groups[0].shifts_ppm[0] == pytest.approx(4.65 + 17 / 96.9)
    warm, cold = load_system("GABA").groups[0].shifts_ppm, load_system("GABA").at_temperature(20.0).groups[0].shifts_ppm
    moved = {round(a, 3): b - a for a, b in zip(warm, cold, strict=True)}
    assert moved[3.013] == pytest.approx(-17 * 7.1e-4)
    assert abs(moved[1.888]) < 1e-3
    # spins of one shift stay together, and NAAG's are not known
    assert len(set(cold)) == len(set(warm))
    assert load_system("NAAG").at_temperature(20.0) == load_system("NAAG")


def test_every_temperature_coefficient_belongs_to_a_shift_of_the_table():
    for name, places in PPM_PER_K.items():
        shifts = [s for group in load_system(name).groups for s in group.shifts_ppm]
        for place, slope in places:
            near = {s for s in shifts if abs(s - place) < SAME_PPM}
            assert len(near) == 1, (name, place)
            assert abs(slope) < 0.011
        assert len({p for p, _ in places}) == len(places)


def test_a_single_system_is_called_after_its_file(tmp_path):
    (tmp_path / "Drug.json").write_text(json.dumps({"shifts": [1.2, 3.4], "j": [[0, 7], [7, 0]]}))
    system = read_spin_systems(tmp_path / "Drug.json")["Drug"]
    assert system.groups[0].couplings == ((0, 1, 7.0),)


def test_a_user_system_gives_the_signal_of_the_table(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps({"sysMine": to_fsl(load_system("Lac"))}))
    experiment = Experiment((Block(IdealPulse(90.0, 90.0), 0.01),), 127.73, 3.0)
    mine = simulate(read_spin_systems(tmp_path / "mine.json")["Mine"], [experiment])[0]
    table = simulate(load_system("Lac"), [experiment])[0]
    np.testing.assert_allclose(mine.fid(64, 1e-3), table.fid(64, 1e-3), atol=1e-12)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "no spin system"),
        (3, "no spin system"),
        ({"A": 3}, "JSON object"),
        ({"A": []}, "no spins"),
        ({"A": {"j": [[0]]}}, "'shifts' is missing"),
        ({"A": {"shift": [1.0]}}, "unknown key 'shift'.*did you mean 'shifts'"),
        ({"A": {"shifts": ["x"]}}, "must hold numbers"),
        ({"A": {"shifts": [float("nan")]}}, "finite"),
        ({"A": {"shifts": []}}, "list of numbers"),
        ({"A": {"shifts": [[1.0], [2.0]]}}, "list of numbers"),
        ({"A": {"shifts": list(range(10))}}, "too many coupled spins"),
        ({"A": {"shifts": [1.0, 2.0], "j": [[0, 1]]}}, "j has the wrong size"),
        ({"A": {"shifts": [1.0, 2.0], "j": [[0, 1], [2, 0]]}}, "upper triangle, or symmetric"),
        ({"A": {"shifts": [1.0, 2.0], "j": [[0, 0], [2, 0]]}}, "upper triangle, or symmetric"),
        ({"A": {"shifts": [1.0], "j": [[2]]}}, "itself"),
        ({"A": {"shifts": [1.0], "scaleFactor": 0}}, "positive"),
        ({"../A": {"shifts": [1.0]}}, "invalid name"),
        ({"A": {"shifts": [1.0]}, "sysA": {"shifts": [1.0]}}, "two systems are called 'A'"),
    ],
)
def test_faulty_systems_are_one_line(values, text):
    with pytest.raises(ConfigError, match=text) as error:
        parse_systems(values, "mine.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("content", "text"), [(None, "cannot be read"), ("{", "not JSON")])
def test_unreadable_files(tmp_path, content, text):
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    with pytest.raises(ConfigError, match=text):
        read_spin_systems(tmp_path / "s.json")


def test_the_document_is_that_of_the_table():
    root = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location("spin_table", root / "tools" / "spin_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (root / "docs" / "spin_systems.md").read_text("utf-8") == module.table()
