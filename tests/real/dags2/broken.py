"""A file that can't be imported, as happens."""

import a_package_that_nobody_installed  # noqa: F401
from airflow.models.dag import DAG  # noqa: F401  else Airflow does not look into the file
