from tests.helpers.cohorts import cohort, named

__all__ = ["cohort", "named"]
