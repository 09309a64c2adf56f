"""Row-level security: what makes it impossible for the API's role to see another tenant's rows.

Used by migrations; each table that holds a tenant's rows is put under `isolate`.
"""

from noc_platform.store.metadata import API_ROLE, TENANT_SETTING


def isolate(table: str, privileges: str = "select") -> list[str]:
    """Statements that hold the API's role to the rows of the transaction's tenant, with these privileges only.

    A transaction that names no tenant sees and writes nothing. The owner, who runs the pipeline over all tenants,
    is not confined.
    """
    own = f"tenant_id = current_setting('{TENANT_SETTING}', true)"
    return [
        f"alter table {table} enable row level security",
        f"create policy {table}_own_tenant on {table} for all to {API_ROLE} using ({own}) with check ({own})",
        f"grant {privileges} on {table} to {API_ROLE}",
    ]


def release(table: str) -> list[str]:
    """Statements that undo `isolate`."""
    return [
        f"revoke all on {table} from {API_ROLE}",
        f"drop policy {table}_own_tenant on {table}",
        f"alter table {table} disable row level security",
    ]
