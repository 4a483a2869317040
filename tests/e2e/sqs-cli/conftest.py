"""The suite speaks Query, and only where that is understood."""
import os

import pytest

from harness.deadline import time_limit  # noqa: F401  (an autouse fixture)


def pytest_collection_modifyitems(items):
    if os.environ.get("BROKER", "polymq") != "polymq":
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no SQS there, or none by Query"))
