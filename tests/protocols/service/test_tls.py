"""TLS against real servers: version 1.3 on both sides, and only the pinned authority."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from protocols.errors import StorageError
from protocols.service import authority, tls
from protocols.service.channel import Kind, Target, failure, open_channel
from protocols.service.errors import SettingsError, TlsError

HOSTS = ["localhost", "127.0.0.1"]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
CALL = "/cefed.v1.Board/ListRounds"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    tls.create_authority(folder, HOSTS)
    return folder


@pytest.fixture(scope="module")
def port(files: Path) -> Iterator[int]:
    """A gRPC server that knows no call."""
    server = grpc.server(ThreadPoolExecutor(2))
    credentials = tls.server_credentials(files / tls.CERTIFICATE, files / tls.KEY)
    bound = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield bound
    server.stop(0).wait()


def client_context(version: ssl.TLSVersion, files: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files / tls.AUTHORITY))
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    return context


def test_a_server_speaks_tls_1_3(port: int, files: Path) -> None:
    context = client_context(ssl.TLSVersion.TLSv1_3, files)
    with (
        socket.create_connection(("127.0.0.1", port), 10) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as wrapped,
    ):
        assert wrapped.version() == "TLSv1.3"


def test_a_server_refuses_tls_1_2(port: int, files: Path) -> None:
    context = client_context(ssl.TLSVersion.TLSv1_2, files)
    with (
        socket.create_connection(("127.0.0.1", port), 10) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(raw, server_hostname="localhost")


def call(target: Target) -> grpc.RpcError:
    """How a call ends at a server that knows none."""
    with open_channel(target) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(CALL)(b"", timeout=10)
    return caught.value


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_speaks_tls_1_3_only(version: ssl.TLSVersion, files: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / tls.CERTIFICATE, files / tls.KEY)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    seen: list[str | None] = []

    def serve_once(listener: socket.socket) -> None:
        raw, _ = listener.accept()
        raw.settimeout(10)
        try:
            with context.wrap_socket(raw, server_side=True) as wrapped:
                seen.append(wrapped.version())
        except (ssl.SSLError, OSError):
            seen.append(None)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        serving = threading.Thread(target=serve_once, args=(listener,))
        serving.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        call(Target(address, tls.read_authority(files / tls.AUTHORITY)))
        serving.join()
    assert seen == ["TLSv1.3" if version is ssl.TLSVersion.TLSv1_3 else None]


@pytest.mark.parametrize("host", HOSTS)
def test_our_client_reaches_our_server(port: int, files: Path, host: str) -> None:
    ended = call(Target(f"{host}:{port}", tls.read_authority(files / tls.AUTHORITY)))
    assert ended.code() is grpc.StatusCode.UNIMPLEMENTED


def test_another_authority_is_not_believed(port: int, tmp_path: Path) -> None:
    tls.create_authority(tmp_path, HOSTS)
    other = tls.read_authority(tmp_path / tls.AUTHORITY)
    told = failure(call(Target(f"127.0.0.1:{port}", other)))
    assert told.kind is Kind.UNREACHABLE
    assert "compare the authority" in told.text


def test_public_authorities_do_not_vouch_for_ours(port: int) -> None:
    assert failure(call(Target(f"127.0.0.1:{port}"))).kind is Kind.UNREACHABLE


def test_another_host_name_is_not_believed(tmp_path: Path) -> None:
    tls.create_authority(tmp_path, ["elsewhere.example.org"])
    server = grpc.server(ThreadPoolExecutor(1))
    credentials = tls.server_credentials(tmp_path / tls.CERTIFICATE, tmp_path / tls.KEY)
    bound = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    target = Target(f"127.0.0.1:{bound}", tls.read_authority(tmp_path / tls.AUTHORITY))
    assert failure(call(target)).kind is Kind.UNREACHABLE
    server.stop(0).wait()


def test_a_renewed_certificate_needs_nothing_new_of_clients(tmp_path: Path) -> None:
    tls.create_authority(tmp_path, ["localhost"])
    pinned = tls.read_authority(tmp_path / tls.AUTHORITY)
    before = (tmp_path / tls.CERTIFICATE).read_bytes()
    tls.renew_server(tmp_path, HOSTS)
    assert (tmp_path / tls.CERTIFICATE).read_bytes() != before
    server = grpc.server(ThreadPoolExecutor(1))
    credentials = tls.server_credentials(tmp_path / tls.CERTIFICATE, tmp_path / tls.KEY)
    bound = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    assert call(Target(f"127.0.0.1:{bound}", pinned)).code() is grpc.StatusCode.UNIMPLEMENTED
    server.stop(0).wait()


def test_an_authority_is_never_made_twice(files: Path) -> None:
    with pytest.raises(StorageError, match="exists already"):
        tls.create_authority(files, HOSTS)


def test_private_keys_are_private(files: Path) -> None:
    for name in (authority.KEY, authority.AUTHORITY_KEY):
        assert (files / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("hosts", [[], [""], ["a b"], ["*.example.org"], ["host:7443"], ["ä.org"]])
def test_hosts_that_no_certificate_can_hold_are_refused(hosts: list[str], tmp_path: Path) -> None:
    with pytest.raises(TlsError):
        tls.create_authority(tmp_path, hosts)
    assert not list(tmp_path.iterdir())


def test_an_expired_certificate_is_not_served(files: Path) -> None:
    late = datetime.now(UTC) + timedelta(days=authority.SERVER_DAYS + 1)
    with pytest.raises(TlsError, match="expired"):
        tls.check_server(files / tls.CERTIFICATE, files / tls.KEY, late)
    tls.check_server(files / tls.CERTIFICATE, files / tls.KEY)


def test_a_foreign_key_is_not_served(files: Path) -> None:
    with pytest.raises(TlsError, match="not the key of"):
        tls.server_credentials(files / tls.CERTIFICATE, files / authority.AUTHORITY_KEY)


def test_a_key_that_others_can_read_is_not_served(files: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes((files / tls.KEY).read_bytes())
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        tls.server_credentials(files / tls.CERTIFICATE, tmp_path / "key.pem")


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\xff" * 20])
def test_what_is_no_certificate_is_refused(content: bytes, files: Path, tmp_path: Path) -> None:
    path = tmp_path / "some.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(TlsError):
        tls.read_authority(path)
    with pytest.raises(TlsError):
        tls.channel_credentials(content)
    with pytest.raises(TlsError):
        tls.server_credentials(path, files / tls.KEY)
    with pytest.raises(TlsError):
        tls.server_credentials(files / tls.CERTIFICATE, path)


def test_plaintext_is_for_loopback_only_and_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    open_channel(Target("127.0.0.1:1", insecure=True)).close()
    assert "INSECURE" in caplog.text
    for address in ("round.example.org:7443", "192.0.2.7:7443", "nonsense"):
        with pytest.raises(SettingsError):
            open_channel(Target(address, insecure=True))


def test_without_the_restriction_there_are_no_credentials() -> None:
    code = (
        "import os; os.environ.pop('GRPC_SSL_CIPHER_SUITES', None)\n"
        "import grpc\n"
        "from protocols.service import tls\n"
        "try:\n"
        "    tls.channel_credentials(None)\n"
        "except tls.TlsError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "could not be restricted to version 1.3" in done.stdout


@pytest.mark.parametrize(
    "package", ["coordinator.server", "trustee.client", "enterprise_node.gateway", "sim"]
)
def test_every_package_with_a_transport_restricts_it_in_time(package: str) -> None:
    code = (
        "import os; os.environ.pop('GRPC_SSL_CIPHER_SUITES', None)\n"
        f"import {package}\n"
        "from protocols.service import tls13\n"
        "print(tls13.IN_FORCE)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n", done.stderr


def test_grpc_writes_no_lines_of_its_own(port: int, tmp_path: Path) -> None:
    """Not even of a handshake that fails: they would stand between the lines of a JSON log."""
    tls.create_authority(tmp_path, HOSTS)
    code = (
        "import os, sys; os.environ.pop('GRPC_VERBOSITY', None)\n"
        "from pathlib import Path\n"
        "from protocols.service import tls\n"
        "from protocols.service.channel import Target, open_channel\n"
        "import grpc\n"
        "target = Target(sys.argv[1], Path(sys.argv[2]).read_bytes(), False)\n"
        "with open_channel(target) as channel:\n"
        f"    try: channel.unary_unary({CALL!r})(b'', timeout=5)\n"
        "    except grpc.RpcError as error: print(error.code().name)\n"
    )
    command = [sys.executable, "-c", code, f"127.0.0.1:{port}", str(tmp_path / tls.AUTHORITY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("UNAVAILABLE", "")
