"""The one SQLAlchemy metadata every table of the platform belongs to, and the words tables share."""

from sqlalchemy import MetaData

OWNER_ROLE = "noc_owner"
API_ROLE = "noc_api"
TENANT_SETTING = "noc.tenant"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
