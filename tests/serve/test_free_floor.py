"""A server whose disk has less free space than it is told to keep."""

from tests.serve.clients import connection, until
from tests.servers import RunningRegistry


def test_a_start_below_the_floor_is_warned_of_and_uploads_say_why(tmp_path):
    with RunningRegistry(tmp_path / "data", "--free-floor", "1000000TiB", "--workers", "1") as server:
        (line,) = [line for line in server.log().splitlines() if " WARNING " in line]
        assert " bytes are free on the disk of " in line
        assert "no more than free_floor keeps (1000000TiB, set by --free-floor)" in line
        client = connection(server)
        client.request("POST", f"/v2/a/blobs/uploads/?digest=sha256:{'0' * 64}", b"x")
        answer = client.getresponse()
        answer.read()
        assert answer.status == 507
        until("the reason", lambda: "the store is full: no more space is free than free_floor keeps" in server.log())


def test_a_start_above_the_floor_says_nothing_of_it(tmp_path):
    with RunningRegistry(tmp_path / "data", "--free-floor", "0", "--workers", "1") as server:
        assert "WARNING" not in server.log()
