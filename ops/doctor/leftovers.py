"""The check of Chalice's record against AWS: a deployment that was stopped leaves things that the record lacks."""

from __future__ import annotations

from ops.doctor.patient import Patient
from ops.stack import adoption, inventory
from ops.stack.inventory import describe


def check_record(patient: Patient) -> str:
    """Finds what exists twice, what the record lacks, and what the record has though it is gone."""
    here = patient.deployment
    found = adoption.compare(inventory.find(patient.client, here), here.recorded)
    return assess_differences(found, here.stage, patient.provision, patient.deploy)


def assess_differences(found: adoption.Differences, stage: str, provision: str, deploy: str) -> str:
    parts = [
        f"{words}: {', '.join(map(describe, resources))}"
        for words, resources in (
            ("made twice, or never finished", found.spare),
            (f"missing in .chalice/deployed/{stage}.json", found.unknown),
            (f"gone from AWS, but in .chalice/deployed/{stage}.json", found.gone),
        )
        if resources
    ]
    if not parts:
        return ""
    return f"{'; '.join(parts)}; {provision}, which mends that, then {deploy.removeprefix('run ')}"
