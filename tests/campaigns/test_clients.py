import socket

import pytest

from tests.campaigns import clients


@pytest.mark.slow
def test_hostile_clients_do_not_disturb_the_others():
    pytest.importorskip("gradio_client")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    report = clients.run(num_clients=8, seconds=15, seed=1, port=port)
    assert report["first_errors"] == []
    assert not report["has_ended"]
    assert report["requests"]["right"] >= 8
    assert report["requests"]["hostile, refused"] >= 5
    assert report["growth_mb"] <= clients.MEGABYTES
