"""Evidence as the expression would give it, drawn: honest attendances and frauds that look more or less alike."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from noc_platform.fraud.history import evidence_schema
from noc_platform.fraud.vocabulary import MODEL_FEATURES

SUNDAY = datetime(2026, 6, 7, 2, tzinfo=UTC)
DAYS = 60
# What frauds are told by, and by how many standard deviations where `apart` is 1.
TELLING = {"geofence_distance_meters": 2.2, "face_margin": -1.6, "device_people": 1.2, "own_device_share": -1.5}


def evidence(
    tenant: str, count: int, seed: int = 1, apart: float = 1.0, frauds: float = 0.25, people: int = 400
) -> tuple[pa.Table, np.ndarray]:  # fmt: skip
    """So many events of a tenant in the sixty days before `SUNDAY`, in order of time, and which of them are fraud."""
    rng = np.random.default_rng(seed)
    is_fraud = rng.random(count) < frauds
    columns: dict[str, object] = {
        name: rng.normal(0, 1, count) + apart * TELLING.get(name, 0.0) * is_fraud for name in MODEL_FEATURES
    }
    happened = [SUNDAY - timedelta(days=DAYS) * (1 - place / count) for place in range(count)]
    columns |= {
        "tenant_id": [tenant] * count,
        "event_id": [f"00000000-0000-8000-8000-{seed:04d}{place:08d}" for place in range(count)],
        "attendance_id": [f"att-{seed}-{place}" for place in range(count)],
        "person_id": [f"p{number}" for number in rng.integers(0, people, count)],
        "site_id": [f"s{number}" for number in rng.integers(0, 3, count)],
        "stage": ["IN"] * count,
        "happened_at": happened,
        "known_at": happened,
    }
    schema = evidence_schema()
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema), is_fraud


def labelled(rows: pa.Table, is_fraud: np.ndarray) -> pa.Table:
    """Evidence with what people said of it."""
    count = rows.num_rows
    told = {
        "is_fraud": pa.array(is_fraud, pa.bool_()),
        "fraud_kind": pa.nulls(count, pa.string()),
        "selection": pa.array(["FLAGGED"] * count),
        "selection_probability": pa.nulls(count, pa.float64()),
        "labelled_at": rows["happened_at"],
    }
    for name, column in told.items():
        rows = rows.append_column(name, column)
    return rows
