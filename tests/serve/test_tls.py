"""HTTPS: modern versions only, and a certificate that can be changed under way."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.certificates import CertificateAuthority
from tests.serve.clients import children, raw, read_all, until
from tests.servers import WHERRY, RunningRegistry


@pytest.fixture
def authority(tmp_path):
    return CertificateAuthority(tmp_path)


class Files:
    """The certificate and key that a server was told of; `put` replaces them as an operator would."""

    def __init__(self, folder: Path, authority: CertificateAuthority) -> None:
        self.certificate, self.key = folder / "server.crt", folder / "server.key"
        self._authority = authority
        self.put()

    def put(self) -> None:
        for made, target in zip(
            self._authority.issue("localhost", "127.0.0.1"), (self.certificate, self.key), strict=True
        ):
            os.replace(made, target)

    @property
    def flags(self) -> list[str]:
        return ["--tls-cert", str(self.certificate), "--tls-key", str(self.key)]


@pytest.fixture
def files(tmp_path, authority):
    return Files(tmp_path, authority)


def trusting(authority: CertificateAuthority) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate_file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def connect(server: RunningRegistry, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(raw(server), server_hostname="localhost")


def get(connected: ssl.SSLSocket) -> bytes:
    """One request; the connection is kept."""
    connected.sendall(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connected.recv(4096)


def serial(server: RunningRegistry, authority: CertificateAuthority) -> str:
    with connect(server, trusting(authority)) as connected:
        certificate = connected.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def test_https_is_served_with_the_certificate(files, authority, tmp_path):
    with RunningRegistry(tmp_path / "data", *files.flags, "--workers", "2") as server:
        assert server.url.startswith("https://127.0.0.1:")
        with connect(server, trusting(authority)) as connected:
            assert connected.version() == "TLSv1.3"
            assert connected.selected_alpn_protocol() == "http/1.1"
            assert get(connected).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(("version", "accepted"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)])
@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_2_is_the_oldest_version(files, authority, version, accepted):
    context = trusting(authority)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with RunningRegistry("memory:", *files.flags) as server:
        if accepted:
            connect(server, context).close()
        else:
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                connect(server, context)


def test_sighup_changes_the_certificate_of_new_connections(files, authority, tmp_path):
    with RunningRegistry(tmp_path / "data", *files.flags, "--workers", "2") as server:
        first = serial(server, authority)
        with connect(server, trusting(authority)) as kept:
            files.put()
            assert serial(server, authority) == first
            os.kill(server.pid, signal.SIGHUP)
            until("the new certificate", lambda: serial(server, authority) != first)
            second = serial(server, authority)
            # From every worker, and for good.
            until("the new one alone", lambda: {serial(server, authority) for _ in range(10)} == {second})
            assert get(kept).startswith(b"HTTP/1.1 200 OK")
        files.put()
        os.kill(server.pid, signal.SIGHUP)
        until("the third", lambda: serial(server, authority) not in (first, second))
        assert server.stop() == 0


def test_a_worker_that_is_started_later_has_the_new_certificate(files, authority, tmp_path):
    with RunningRegistry(tmp_path / "data", *files.flags, "--workers", "1") as server:
        first = serial(server, authority)
        files.put()
        os.kill(server.pid, signal.SIGHUP)
        until("the new certificate", lambda: serial(server, authority) != first)
        second = serial(server, authority)
        (worker,) = children(server.pid)
        os.kill(worker, signal.SIGKILL)
        until("another worker", lambda: children(server.pid) not in ([], [worker]))
        assert serial(server, authority) == second


def test_a_broken_file_leaves_the_old_certificate_in_use(files, authority):
    with RunningRegistry("memory:", *files.flags) as server:
        first = serial(server, authority)
        files.certificate.write_text("no certificate")
        os.kill(server.pid, signal.SIGHUP)
        until("the message", lambda: "the certificate that was read before stays in use" in server.log())
        assert serial(server, authority) == first


def test_a_key_that_does_not_belong_leaves_the_old_certificate_in_use(files, authority):
    with RunningRegistry("memory:", *files.flags) as server:
        first = serial(server, authority)
        certificate, _ = authority.issue("localhost")
        os.replace(certificate, files.certificate)
        os.kill(server.pid, signal.SIGHUP)
        until("the message", lambda: "does not belong to" in server.log())
        assert serial(server, authority) == first


def test_strangers_on_the_port_do_no_harm(files, authority):
    with RunningRegistry("memory:", *files.flags, "--header-timeout", "1s") as server:
        with raw(server) as plain:
            plain.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert not read_all(plain).startswith(b"HTTP/")
        with raw(server) as silent:
            # A handshake that never begins ends with the time for a head.
            assert read_all(silent) == b""
        with connect(server, trusting(authority)) as connected:
            assert get(connected).startswith(b"HTTP/1.1 200 OK")
        assert "Traceback" not in server.log()


def test_a_client_that_hangs_up_in_the_handshake_does_no_harm(files, authority):
    with RunningRegistry("memory:", *files.flags) as server:
        for _ in range(20):
            raw(server).close()
        with connect(server, trusting(authority)) as connected:
            assert get(connected).startswith(b"HTTP/1.1 200 OK")
        assert "Traceback" not in server.log()


def said(files: Files) -> str:
    command = [WHERRY, "serve", "--store", "memory:", "--listen", "127.0.0.1:0", *files.flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot serve TLS: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_certificate_that_is_absent_is_refused(files):
    files.certificate.unlink()
    assert f"{files.certificate}: No such file or directory" in said(files)


def test_a_certificate_that_is_none_is_refused(files):
    files.certificate.write_text("no certificate")
    assert "are no PEM certificate chain and key" in said(files)


def test_a_key_of_another_certificate_is_refused(files, authority):
    os.replace(authority.issue("localhost")[1], files.key)
    assert f"the key {files.key} does not belong to {files.certificate}" in said(files)


def test_an_encrypted_key_is_refused_without_asking(files):
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    assert "is encrypted; give one without a password" in said(files)


def test_tls_over_a_unix_socket(files, authority, tmp_path):
    path = tmp_path / "s.sock"
    with RunningRegistry("memory:", *files.flags, "--listen", "127.0.0.1:0", "--listen", f"unix:{path}") as server:
        assert server.urls[1] == f"https+unix://{path}"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.fspath(path))
            with trusting(authority).wrap_socket(client, server_hostname="localhost") as connected:
                assert get(connected).startswith(b"HTTP/1.1 200 OK")
