"""What a connection with TLS refuses, and what it bears: T1. Another authority, another name and a missing file stand in `test_mqtt.py`."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from pronubes.testing import FaultProxy, StubBroker
from pronubes.testing.faults import Slicer
from rig import SOURCE
from servers import until

pytestmark = pytest.mark.timeout(60)


class Authority:
    """Makes certificates in a folder."""

    def __init__(self, folder, name: str) -> None:
        self.folder, self.name = folder, name
        self._openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", *self.out(name)
        )

    @staticmethod
    def out(name: str) -> tuple[str, ...]:
        return ("-out", f"{name}.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name: str, *, days: int = 2, alternative: str = "IP:127.0.0.1,DNS:localhost") -> ssl.SSLContext:
        """Make a server's certificate and what serves with it."""
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\nauthorityKeyIdentifier=keyid\n")
        sign = ("-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key", "-CAcreateserial", "-extfile", f"{name}.ext")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *sign, "-days", str(days))
        return self.serve(name)

    def serve(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    @property
    def path(self) -> str:
        return str(self.folder / f"{self.name}.pem")

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ca")


@pytest.fixture(scope="module")
def good(authority) -> ssl.SSLContext:
    return authority.issue("good")


def expired(authority: Authority) -> ssl.SSLContext:
    return authority.issue("expired", days=-1)


def another_host(authority: Authority) -> ssl.SSLContext:
    return authority.issue("elsewhere", alternative="DNS:broker.example")


def self_signed(authority: Authority) -> ssl.SSLContext:
    return Authority(authority.folder, "alone").serve("alone")


def unknown_authority(authority: Authority) -> ssl.SSLContext:
    return Authority(authority.folder, "stranger").issue("strange")


def only_tls_1_1(authority: Authority) -> ssl.SSLContext:
    context = authority.issue("old")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    return context


def asks_for_a_certificate(authority: Authority) -> ssl.SSLContext:
    context = authority.issue("asking")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.path)
    return context


def reasons(rig) -> list[str]:
    """Why the sink did not connect, attempt by attempt."""
    return [event["error"] for event in rig.node.log() if event.get("connector") == "uns" and event.get("error")]


@pytest.mark.filterwarnings("ignore:ssl.OP_NO_:DeprecationWarning")
@pytest.mark.parametrize("make", [expired, another_host, self_signed, unknown_authority, only_tls_1_1, asks_for_a_certificate])
async def test_t1_what_is_not_to_be_trusted_gets_nothing(rig, authority, make):
    """Refused by default, with the reason, without a secret, again and again; not one byte of MQTT is said."""
    async with StubBroker(tls=make(authority)) as broker:
        rig.sink_url = broker.url
        rig.node.environ["PASSWORD"] = "c4n4ry"
        await rig.start(rig.plan(sink={"tls": {"ca": authority.path}, "username": "uns", "password": "${env:PASSWORD}"}))
        await until(lambda: reasons(rig)[1:], "two attempts that failed, each with its reason")
    assert broker.connects == 0
    assert "c4n4ry" not in rig.node.text()


async def test_t1_the_name_is_sent_and_records_of_one_byte_are_read(rig, authority, good):
    names: list[str | None] = []
    good.sni_callback = lambda _socket, name, _context: names.append(name)
    async with StubBroker(tls=good) as broker, FaultProxy(broker.port) as proxy:
        broker.published = rig.uns.published
        proxy.set(Slicer())
        rig.sink_url = f"mqtts://localhost:{proxy.port}"
        await rig.start(rig.plan(sink={"tls": {"ca": authority.path}}))
        rig.issue(200)
        await rig.drained()
    good.sni_callback = None
    rig.oracle.check(max_duplicates=0)
    assert names
    assert set(names) == {"localhost"}


async def test_t1_certificates_rotate_without_a_restart_and_without_loss(rig, authority, good, tmp_path):
    """The broker gets a certificate of a new authority; the node reads the file anew when it connects."""
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes((authority.folder / "ca.pem").read_bytes())
    (tmp_path / "second").mkdir()
    second = Authority(tmp_path / "second", "second")
    async with StubBroker(tls=good) as broker:
        broker.published = rig.uns.published
        rig.sink_url = broker.url
        await rig.start(rig.plan(sink={"tls": {"ca": str(trusted)}}))
        rig.issue(500)
        await rig.drained()
        await broker.stop()
        broker.tls = second.issue("rotated")
        await broker.start()
        rig.issue(500)
        trusted.write_bytes((tmp_path / "second" / "second.pem").read_bytes())
        await rig.drained()
        assert rig.node.process.poll() is None
        assert rig.plant.is_subscribed(SOURCE)
    rig.oracle.check()
