# SPDX-License-Identifier: Apache-2.0
"""The record of what was done to a scan: steps that were not taken are not there, the others in their order."""

import json

from fsl_mrs_dl.core.record import (
    Coils,
    EddyCurrent,
    FrequencyReference,
    LineWidth,
    OnOffAlignment,
    Record,
    ResidualWater,
    Transients,
)


def test_an_empty_record_says_nothing_and_answers_all_the_same():
    empty = Record()
    assert empty.to_dict() == {}
    assert (empty.n_coils, empty.aligned, empty.eddy_corrected, empty.water_removed) == (1, False, False, False)
    assert empty.water_ratio is None
    assert empty.averaged == {}


def test_a_full_record_is_plain_json_in_the_order_of_the_steps():
    full = Record(
        cr_width_hz=LineWidth(None, 5.2),
        transients={"edit_off": Transients(2, (0.5, 1.0), (0.0, 0.1), (1,))},
        transient_groups=0,
        coils=Coils(8),
        reference=FrequencyReference("edit_off", 1.0, 0.008, -0.2, 30.0),
        water=ResidualWater(True, 12.0),
        eddy_current=EddyCurrent(True),
        on_off_alignment=OnOffAlignment(True, 0.4, 0.01, 3.0, 1.0),
    )
    assert json.loads(json.dumps(full.to_dict())) == full.to_dict()
    assert list(full.to_dict().items()) == [
        (
            "on_off_alignment",
            {"applied": True, "shift_hz": 0.4, "phase_rad": 0.01, "residue_before": 3.0, "residue_after": 1.0},
        ),
        ("eddy_current", {"corrected": True}),
        ("water", {"removed": True, "ratio": 12.0}),
        ("reference", {"condition": "edit_off", "shift_hz": 1.0, "shift_ppm": 0.008, "phase_rad": -0.2, "snr": 30.0}),
        ("coils", {"n_coils": 8}),
        ("transient_groups", 0),
        ("transients", {"edit_off": {"n": 2, "shifts_hz": [0.5, 1.0], "phases_rad": [0.0, 0.1], "rejected": [1]}}),
        ("cr_width_hz", {"before": None, "after": 5.2}),
    ]
    assert full.aligned
    assert full.eddy_corrected
    assert full.water_removed
    assert (full.n_coils, full.water_ratio) == (8, 12.0)
