"""What must hold of fraud's assets, as asset checks."""

import dagster as dg

RANGES, ONCE, LEAKAGE, BALANCE, SCORED, ONE_LIVE = (
    "features_lie_in_their_ranges",
    "each_event_once",
    "nothing_was_known_too_late",
    "frauds_and_others_are_both_there",
    "every_event_has_a_prediction",
    "one_model_is_live_at_most",
)
HEALTHY, HELPED = "the_live_model_holds", "each_ring_is_of_three_or_more"


def feature_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of evidence; a wrong feature would teach every model wrong, so they block."""
    return [
        dg.AssetCheckSpec(RANGES, asset=asset, blocking=True, description="No value that there cannot be."),
        dg.AssetCheckSpec(ONCE, asset=asset, blocking=True, description="One row for each reported state."),
    ]


def training_set_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of what is learned from."""
    return [
        dg.AssetCheckSpec(
            LEAKAGE, asset=asset, blocking=True, description="Every row was known before the training, of one tenant."
        ),
        dg.AssetCheckSpec(BALANCE, asset=asset, description="Between 0.5 and 95 % of what is labelled is fraud."),
        dg.AssetCheckSpec(RANGES, asset=asset, blocking=True, description="No value that there cannot be."),
    ]


def model_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of models."""
    return [
        dg.AssetCheckSpec(ONE_LIVE, asset=asset, description="What is live here is what the registry calls champion.")
    ]


def prediction_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of predictions."""
    return [dg.AssetCheckSpec(SCORED, asset=asset, description="Nothing received waits for a score.")]


def performance_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of a live model."""
    return [dg.AssetCheckSpec(HEALTHY, asset=asset, description="What people said since speaks for the live model.")]


def ring_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of rings."""
    return [dg.AssetCheckSpec(HELPED, asset=asset, description="Two who help one another are no ring.")]
