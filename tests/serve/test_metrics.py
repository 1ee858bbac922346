"""/metrics adds up all workers, the dead ones too, and leaves nothing behind."""

import glob
import os
import re
import signal

import pytest

from registry.observe.metrics import BUCKETS
from tests.serve.clients import children, connection, push_blob, raw, status, until
from tests.servers import RunningRegistry


def numbers(server: RunningRegistry) -> dict[str, float]:
    """Every line of the page."""
    client = connection(server)
    client.request("GET", "/metrics")
    answer = client.getresponse()
    assert answer.status == 200
    assert answer.getheader("Content-Type", "").startswith("text/plain; version=0.0.4")
    lines = answer.read().decode().splitlines()
    client.close()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def requests(server: RunningRegistry, method: str, route: str, code: int) -> float:
    name = f'wherry_requests_total{{method="{method}",route="{route}",status="{code}"}}'
    return numbers(server).get(name, 0)


@pytest.fixture
def server(tmp_path):
    with RunningRegistry(tmp_path / "data", "--workers", "2") as running:
        yield running


def test_requests_of_all_workers_are_added_up(server):
    clients = [connection(server) for _ in range(10)]
    for _ in range(10):
        for client in clients:
            client.request("GET", "/v2/")
            client.getresponse().read()
    until("all to be counted", lambda: requests(server, "GET", "base", 200) == 100)
    for client in clients:
        client.request("GET", "/v2/absent/manifests/latest")
        client.getresponse().read()
    until("all to be counted", lambda: requests(server, "GET", "manifest", 404) == 10)


def test_bytes_are_counted_both_ways(server):
    content = os.urandom(100_000)
    path = push_blob(server, "x", content)
    client = connection(server)
    client.request("GET", path)
    assert client.getresponse().read() == content
    client.request("HEAD", path)
    client.getresponse().read()
    until("what was read", lambda: numbers(server).get("wherry_received_bytes_total") == len(content))
    until("what was sent", lambda: numbers(server).get("wherry_sent_bytes_total", 0) >= len(content))
    found = numbers(server)
    assert found["wherry_received_bytes_total"] == len(content)
    assert len(content) <= found["wherry_sent_bytes_total"] < 2 * len(content)


def test_an_upload_is_in_progress_until_it_ends(server):
    client = connection(server)
    client.request("POST", "/v2/x/blobs/uploads/")
    answer = client.getresponse()
    answer.read()
    with raw(server) as uploading:
        head = f"PATCH {answer.getheader('Location')} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
        uploading.sendall(head.encode() + b"12345")
        until("an upload", lambda: numbers(server)["wherry_uploads_in_progress"] == 1)
    until("its end", lambda: numbers(server)["wherry_uploads_in_progress"] == 0)


def test_a_dead_workers_requests_stay_counted_and_its_uploads_do_not(server):
    clients = [connection(server) for _ in range(10)]
    for client in clients:
        client.request("GET", "/v2/")
        client.getresponse().read()
    sessions = []
    for _ in range(4):
        client.request("POST", "/v2/x/blobs/uploads/")
        answer = client.getresponse()
        answer.read()
        uploading = raw(server)
        head = f"PATCH {answer.getheader('Location')} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
        uploading.sendall(head.encode() + b"12345")
        sessions.append(uploading)
    until("the uploads", lambda: numbers(server)["wherry_uploads_in_progress"] == 4)
    until("all to be counted", lambda: requests(server, "GET", "base", 200) == 10)
    before = requests(server, "GET", "base", 200)
    for pid in children(server.pid):
        os.kill(pid, signal.SIGKILL)
    until("new workers", lambda: numbers(server)["wherry_uploads_in_progress"] == 0)
    assert before == 10
    assert requests(server, "GET", "base", 200) == before
    for uploading in sessions:
        uploading.close()


def test_nothing_that_a_client_invents_becomes_a_label(server):
    client = connection(server)
    for number in range(20):
        client.request(f"METHOD{number}", f"/v2/repository{number}/blobs/uploads/")
        client.getresponse().read()
        client.request("GET", f"/v2/repository{number}/tags/list")
        client.getresponse().read()
    until("all to be counted", lambda: requests(server, "GET", "tags", 404) == 20)
    until("all to be counted", lambda: sum('method="other"' in name for name in numbers(server)) == 1)
    found = numbers(server)
    assert not any("repository" in name or "METHOD" in name for name in found)
    assert sum('method="other"' in name for name in found) == 1
    assert len([name for name in found if name.startswith("wherry_requests_total")]) < 10


def test_latency_has_eight_buckets_at_most(server):
    assert status(server) == 200
    until("it to be counted", lambda: requests(server, "GET", "base", 200) == 1)
    found = numbers(server)
    bounds = [re.search(r'le="([^"]+)"', name) for name in found if 'route="base"' in name and "_bucket" in name]
    assert len(bounds) == len(BUCKETS) + 1
    assert len(BUCKETS) <= 8
    assert found['wherry_request_seconds_count{route="base"}'] == 1


def test_without_metrics_there_is_no_page(tmp_path):
    with RunningRegistry(tmp_path / "data", "--metrics=false") as server:
        assert status(server, "/metrics") == 404


def folders() -> set[str]:
    return {path for place in ("/dev/shm", "/tmp") for path in glob.glob(f"{place}/wherry-metrics-*")}


def folder_of(server: RunningRegistry) -> str:
    """The folder in which this server's workers keep their numbers."""
    for pid in children(server.pid):
        for name in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if "wherry-metrics-" in target:
                return os.path.dirname(target)
    raise AssertionError("no worker keeps numbers")


def test_the_folder_goes_with_the_server(tmp_path):
    with RunningRegistry(tmp_path / "data") as server:
        folder = folder_of(server)
        assert folder in folders()
    assert folder not in folders()


def test_the_folder_of_a_killed_server_goes_with_the_next_start_and_no_living_one_does(tmp_path):
    with RunningRegistry(tmp_path / "living") as living:
        killed = RunningRegistry(tmp_path / "data")
        left = folder_of(killed)
        killed.kill()
        assert left in folders()
        with RunningRegistry(tmp_path / "data"):
            assert left not in folders()
            assert folder_of(living) in folders()
            assert status(living, "/metrics") == 200
