"""`noc token`: a signed token for the API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from noc_platform.errors import BadInput
from noc_platform.settings import load_settings

LONGEST_HOURS = 24 * 366


def token(
    tenant: Annotated[str, typer.Option(help="Tenant whose data it opens.")],
    capability: Annotated[
        list[str], typer.Option(help="noc:view, noc:view_pii, noc:ingest, noc:admin; may be repeated.")
    ],
    sites: Annotated[str | None, typer.Option(help="Only these sites, separated by commas; all if left out.")] = None,
    ttl: Annotated[float, typer.Option(help="How long it is good for, hours.")] = 8.0,
    subject: Annotated[str, typer.Option(help="Whom it is for.")] = "cli",
) -> None:
    """Print a signed token (a JWT) to put behind `Authorization: Bearer`."""
    from api.auth import Capability, issue

    unknown = set(capability) - {item.value for item in Capability}
    if unknown:
        raise BadInput(f"No capability is called {', '.join(sorted(unknown))}; there are {', '.join(Capability)}.")
    if not 0 < ttl <= LONGEST_HOURS:
        raise BadInput(f"--ttl is hours, above 0 and at most {LONGEST_HOURS}.")
    chosen = None if sites is None else [site.strip() for site in sites.split(",") if site.strip()]
    key = load_settings().signing_key()
    typer.echo(issue(key, tenant, capability, chosen, timedelta(hours=ttl), datetime.now(UTC), subject))
