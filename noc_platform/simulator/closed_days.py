"""Days that are not like others: public holidays of each zone's country, and days a site is closed."""

from datetime import date, timedelta

import numpy as np

from noc_platform.simulator.frames import Flags, Whole

# Country and region whose public holidays the sites of a zone keep.
REGIONS = {
    "Europe/London": ("GB", "ENG"),
    "America/New_York": ("US", "NY"),
    "Asia/Kolkata": ("IN", "MH"),
    "Europe/Berlin": ("DE", "BE"),
    "Australia/Sydney": ("AU", "NSW"),
    "America/Los_Angeles": ("US", "CA"),
}
CLOSURES_A_SITE_YEAR = 2.0
LONGEST_CLOSURE_DAYS = 4


def holiday_names(zone: str, first: date, days: int) -> dict[int, str]:
    """Public holidays by day number from `first`, 0 to `days` - 1, site-local."""
    import holidays

    country, region = REGIONS[zone]
    last = first + timedelta(days=days - 1)
    kept = holidays.country_holidays(
        country, subdiv=region, years=range(first.year, last.year + 1), observed=True, language="en_US"
    )
    found = ((day - first).days for day in kept)
    return {number: kept[first + timedelta(days=number)] for number in sorted(found) if 0 <= number < days}


def closures(seed: list[int], sites: int, days: int) -> Flags:
    """Whether a site is closed, `(site, day)`."""
    closed = np.zeros((sites, days + LONGEST_CLOSURE_DAYS), np.bool_)
    for number in range(days):
        for site, length in zip(*closures_beginning(seed, sites, number), strict=True):
            closed[site, number : number + length] = True
    return closed[:, :days]


def closures_beginning(seed: list[int], sites: int, number: int) -> tuple[Whole, Whole]:
    """Sites whose closure begins on a day, and for how many days. A day has randomness of its own, so that a longer
    world begins like a shorter one; the first day is never one, and neither is any of the smallest operation."""
    if number < 1 or sites == 1:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rng = np.random.default_rng([*seed, number])
    begins = np.flatnonzero(rng.random(sites) < CLOSURES_A_SITE_YEAR / 365)
    return begins, rng.integers(1, LONGEST_CLOSURE_DAYS + 1, sites)[begins]
