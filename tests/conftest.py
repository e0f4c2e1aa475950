"""What the whole suite needs of pytest and of its plugins."""

import pytest
from _pytest.nodeid import NodeId


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a group of tests on one worker, as `xdist_group` asks, so that a module's servers are started once.

    xdist 3.8.0 writes the group into ``_nodeid`` (remote.py:254); pytest 9.2 reads ``_id``, so it got lost.
    """
    for item in items:
        grouped = vars(item).get("_nodeid")
        if grouped is not None:
            item._id = NodeId.parse(grouped)
