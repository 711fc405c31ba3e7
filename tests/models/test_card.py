# SPDX-License-Identifier: Apache-2.0
"""The model card: what is read is typed, what is written again is what was there."""

import dataclasses
import json

import pytest

from fsl_mrs_dl.core.errors import ModelError
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.core.resources import shipped_models, weights_folder
from fsl_mrs_dl.models.card import Errors, StageRecord, Validation, card_of, read_card
from fsl_mrs_dl.models.folder import open_model

STAGES = (
    StageRecord("first", "0" * 64, 3, 100, 6400, 1.5, "a machine"),
    StageRecord("second", "1" * 64, 4, 200, 12800, 2.5, "a machine", "2" * 64),
)


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_card_is_written_as_it_was_read(name, tmp_path):
    path = weights_folder() / name / "card.json"
    write_json(tmp_path / "card.json", read_card(path).to_dict())
    assert (tmp_path / "card.json").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", shipped_models())
def test_nothing_of_a_shipped_card_is_unknown(name):
    card = read_card(weights_folder() / name / "card.json")
    known = dataclasses.replace(card, content={}).to_dict()
    validation = known.pop("validation")
    assert known == {key: value for key, value in card.content.items() if key != "validation"}
    for name, found in validation.items():
        for metabolite, errors in card.content["validation"][name]["metabolites"].items():
            kept = {key: value for key, value in errors.items() if value is not None}
            assert found["metabolites"][metabolite] == kept


def test_what_a_later_version_adds_is_kept():
    path = weights_folder() / "invivo" / "card.json"
    content = json.loads(path.read_text())
    content["colour"] = "blue"
    content["training"]["joules"] = 5
    card = card_of(content, path)
    changed = dataclasses.replace(card, validation={"mine": Validation(2, 0, {"GABA": Errors(mae=0.1)})})
    written = changed.to_dict()
    assert (written["colour"], written["training"]["joules"]) == ("blue", 5)
    assert written["validation"] == {"mine": {"n": 2, "refused": 0, "metabolites": {"GABA": {"mae": 0.1}}}}
    assert list(written) == list(content)


def test_a_card_with_lineage_is_read_back():
    path = weights_folder() / "invivo" / "card.json"
    card = read_card(path)
    assert card.staged, "its earlier stages are not in its figures"
    with_lineage = dataclasses.replace(card, lineage=STAGES)
    assert not with_lineage.staged
    again = card_of(json.loads(json.dumps(with_lineage.to_dict())), path)
    assert again.lineage == STAGES
    assert again == with_lineage
    assert dataclasses.replace(card, lineage=STAGES[1:]).staged


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c.update(training=5), "a table is needed"),
        (lambda c: c["training"].update(steps="many"), "training, steps"),
        (lambda c: c.update(lineage={}), "'name' is missing"),
        (lambda c: c.update(lineage=[{"name": "x"}]), "is missing"),
        (lambda c: c.update(validation=[1]), "a table is needed"),
        (lambda c: c["validation"].update(mine={"n": 3}), "'refused' is missing"),
        (lambda c: c.update(known_limits="none"), "a list is needed"),
        (lambda c: c.update(config=3), "a table is needed"),
    ],
)
def test_entries_for_people_must_be_what_they_are(change, text):
    path = weights_folder() / "invivo" / "card.json"
    content = json.loads(path.read_text())
    change(content)
    with pytest.raises(ModelError, match=f"the model card is damaged: .*|{text}") as caught:
        card_of(content, path)
    assert text in str(caught.value) or text in str(caught.value.where)


def test_a_card_of_a_newer_version_is_refused_with_what_to_install():
    path = weights_folder() / "invivo" / "card.json"
    content = json.loads(path.read_text())
    content["card_version"] = 2
    content["versions"]["fsl_mrs_dl"] = "9.1"
    with pytest.raises(ModelError, match=r"another version; expected 1; got 2\. Install .*\(9\.1\)"):
        card_of(content, path)


@pytest.mark.parametrize(
    "protocol",
    [
        {"n_components": 0, "values": "AAAA"},
        {"n_components": 2, "values": "AAAA"},
        {"n_components": 2, "values": "?"},
        {"n_components": 2},
        [1],
    ],
)
def test_a_damaged_description_of_protocols_is_refused(protocol):
    path = weights_folder() / "invivo" / "card.json"
    content = json.loads(path.read_text())
    with pytest.raises(ModelError, match=r"protocol does not describe|a table is needed"):
        card_of({**content, "protocol": protocol}, path)


def test_what_a_network_is_told_is_part_of_the_fingerprint():
    before = open_model(weights_folder() / "phantom_cnn")
    # what the card of a model has that is told nothing must not change its fingerprint
    assert "protocol" not in before.card.content
    told = dataclasses.replace(before.card, content={**before.card.content, "protocol": {"n_components": 2}})
    assert dataclasses.replace(before, card=told).fingerprint != before.fingerprint
