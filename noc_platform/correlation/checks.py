"""What must hold of alerts and incidents, as asset checks."""

from typing import TYPE_CHECKING

import dagster as dg

from noc_platform.correlation.vocabulary import COMPLETE, IN_WINDOW, KEPT_BACK, ONE_TENANT, TAKEN
from noc_platform.telemetry.portrait import checked

if TYPE_CHECKING:
    from noc_platform.correlation.soundness import Unsound


def alert_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of alerts."""
    return [
        dg.AssetCheckSpec(
            TAKEN, asset=asset, description="Each event received by then is counted in exactly one alert: nothing lost."
        ),
        dg.AssetCheckSpec(
            KEPT_BACK,
            asset=asset,
            description="HIGH and CRITICAL alerts are suppressed by announced maintenance or by their source alone.",
        ),
    ]


def incident_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of incidents."""
    return [
        dg.AssetCheckSpec(
            ONE_TENANT, asset=asset, description="Signals, alerts and links of an incident are its own tenant's."
        ),
        dg.AssetCheckSpec(
            IN_WINDOW,
            asset=asset,
            description="Each alert lies no farther from the signals it matches than the incident's window.",
        ),
        dg.AssetCheckSpec(COMPLETE, asset=asset, description="An open incident has signals and alerts, and a title."),
    ]


def checks_of(asset: str, names: tuple[str, ...], found: "dict[str, Unsound]") -> list[dg.AssetCheckResult]:
    """Results of checks, as `soundness` found them."""
    return [checked(asset, name, found[name].rows, list(found[name].failures)) for name in names]
