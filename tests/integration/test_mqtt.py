"""MQTT against a real broker, with clients of other code bases: both versions, both qualities of service, TLS, refusals, wills."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from conftest import find_program
from servers import Mosquitto, client, publish_surely, run_program, subscribing, until

pytestmark = [pytest.mark.server("mosquitto", "mosquitto_pub"), pytest.mark.timeout(60)]

ROUTE = {"filter": "raw/{rest#}", "topic": "acme/{rest}", "steps": [{"scale": {"field": "value", "factor": 2}}], "to": "uns"}


def plan(url: str, *, version: str = "5", qos: int = 1, route: dict | None = None, **options: object) -> dict:
    common = {"type": "mqtt", "url": url, "version": version, "qos": qos, "backoff_max": "200ms", **options}
    return {"sources": {"plant": {**common, "topics": ["raw/#"]}}, "sinks": {"uns": common}, "routes": {"all": route or ROUTE}}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority, a broker's and a client's certificate by it, and an authority that has nothing to do with them."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
            *usage,
        )
    for name, alternative in (("broker", "IP:127.0.0.1,DNS:localhost"), ("client", "DNS:edge")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / "extensions").write_text(f"subjectAltName={alternative}\nauthorityKeyIdentifier=keyid\n")
        sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *sign)
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder


@pytest.fixture
async def tls_broker(tmp_path, free_port, certificates):
    tls_port = free_port()
    extra = f"listener {tls_port} 127.0.0.1\ncafile {certificates}/ca.pem\ncertfile {certificates}/broker.pem\nkeyfile {certificates}/broker.key\n"
    extra += "require_certificate true\nuse_identity_as_username true\n"
    mosquitto = Mosquitto(tmp_path / "broker", free_port(), tls_port=tls_port, extra=extra)
    await mosquitto.start()
    yield mosquitto
    mosquitto.stop()


@pytest.fixture
async def guarded_broker(tmp_path, free_port):
    """A broker with a user `edge` who may not read `secret/#`."""
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "passwords").touch(mode=0o600)
    code, output = await run_program("mosquitto_passwd", "-b", str(folder / "passwords"), "edge", "right")
    assert code == 0, output
    (folder / "acl").write_text("user edge\ntopic readwrite raw/#\ntopic readwrite acme/#\n")
    (folder / "acl").chmod(0o600)
    mosquitto = Mosquitto(folder, free_port(), listener=f"allow_anonymous false\npassword_file {folder}/passwords\nacl_file {folder}/acl")
    await mosquitto.start()
    yield mosquitto
    mosquitto.stop()


async def connected(node, count: int = 2) -> None:
    await until(lambda: len(node.said("Connected.")) >= count, f"{count} connections: {node.text()[-2000:]}")


async def subscribed(node) -> None:
    """Wait until the source can hear: a message of the test's own has come through."""

    async def is_up() -> bool:
        status = await node.status()
        return all(connection["state"] == "connected" for connection in status["connections"])

    await connected(node)
    await until(is_up, "all sessions are up")


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("qos", [0, 1])
async def test_messages_of_three_code_bases_come_through(broker, node, version, qos):
    node.configure(plan(broker.url, version=version, qos=qos))
    await node.start()
    await subscribed(node)
    port = str(broker.port)
    dialect = "mqttv5" if version == "5" else "mqttv311"
    listener = await asyncio.create_subprocess_exec(
        find_program("mosquitto_pub").replace("_pub", "_sub"), "-p", port, "-V", dialect, "-q", "1", "-t", "acme/#", "-C", "3", "-W", "15", "-v",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    async with subscribing(broker.port, "acme/#") as seen:
        log = broker.folder / "mosquitto.log"
        await until(lambda: log.read_text().count("New client connected") >= 4, "all four clients are connected")
        code, output = await run_program("mosquitto_pub", "-p", port, "-V", dialect, "-q", str(qos), "-t", "raw/cli", "-m", '{"value": 1}')
        assert code == 0, output
        kind = paho.MQTTv5 if version == "5" else paho.MQTTv311
        publisher = paho.Client(CallbackAPIVersion.VERSION2, protocol=kind)
        publisher.connect("127.0.0.1", broker.port)
        publisher.loop_start()
        await asyncio.to_thread(publisher.publish("raw/paho", b'{"value": 2}', qos=qos).wait_for_publish, 5)
        publisher.disconnect()
        publisher.loop_stop()
        async with client(broker.port) as own:
            await own.publish("raw/own", b'{"value": 3}', qos=qos)
        await until(lambda: len(seen.messages) >= 3, "three messages")
    words, _ = await listener.communicate()
    expected = {("acme/cli", 2), ("acme/paho", 4), ("acme/own", 6)}
    assert {(topic, json.loads(payload)["value"]) for topic, payload, _ in seen.messages} == expected
    assert {line.split()[0] for line in words.decode().splitlines()} == {topic for topic, _ in expected}


async def test_tls_with_a_client_certificate(tls_broker, node, certificates):
    tls = {"ca": str(certificates / "ca.pem"), "cert": str(certificates / "client.pem"), "key": str(certificates / "client.key")}
    document = plan(f"mqtts://127.0.0.1:{tls_broker.tls_port}", tls=tls)
    node.configure(document)
    await node.start()
    await subscribed(node)
    context = ssl.create_default_context(cafile=tls["ca"])
    context.load_cert_chain(tls["cert"], tls["key"])
    async with subscribing(tls_broker.tls_port, "acme/#", tls_context=context) as seen, client(tls_broker.tls_port, tls_context=context) as own:
        await own.publish("raw/t", b'{"value": 4}', qos=1)
        await until(lambda: seen.messages, "the message over TLS")
    assert seen.messages == [("acme/t", b'{"value": 8}', False)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ca": "other.pem"}, "certificate was not accepted"),
        ({"server_name": "broker.example"}, "certificate was not accepted"),
        ({"ca": "missing.pem"}, "cannot be read"),
    ],
)
async def test_what_is_wrong_with_tls_is_said_and_tried_again(tls_broker, node, certificates, change, words):
    tls = {"ca": "ca.pem", "cert": "client.pem", "key": "client.key"} | change
    files = {key: value if key == "server_name" else str(certificates / value) for key, value in tls.items()}
    node.configure(plan(f"mqtts://127.0.0.1:{tls_broker.tls_port}", tls=files))
    await node.start()
    events = await until(lambda: [event for event in node.said(words) if event.get("connector") == "plant"][1:], f"`{words}` twice")
    assert all(event["address"] == f"mqtts://127.0.0.1:{tls_broker.tls_port}" for event in events)


async def test_user_and_password_and_what_the_broker_forbids(guarded_broker, node):
    document = plan(guarded_broker.url, username="edge", password="${env:EDGE_PASSWORD}")
    node.configure(document)
    node.environ["EDGE_PASSWORD"] = "right"
    await node.start()
    await subscribed(node)
    options = {"username": "edge", "password": "right"}
    async with subscribing(guarded_broker.port, "acme/#", **options) as seen:
        await publish_with(guarded_broker.port, "raw/t", b'{"value": 1}', options)
        await until(lambda: seen.messages, "a message")
    assert "right" not in node.text()


async def test_a_forbidden_topic_is_refused_and_its_message_kept(guarded_broker, node):
    document = plan(guarded_broker.url, username="edge", password="${env:EDGE_PASSWORD}")
    document["routes"]["forbidden"] = {"filter": "raw/t", "topic": "secret/t", "to": "uns"}
    node.configure(document)
    node.environ["EDGE_PASSWORD"] = "right"
    await node.start()
    await subscribed(node)
    options = {"username": "edge", "password": "right"}
    async with subscribing(guarded_broker.port, "acme/#", **options) as seen:
        await publish_with(guarded_broker.port, "raw/t", b'{"value": 1}', options)
        await until(lambda: seen.messages and node.quarantine(), "what is allowed arrives, what is not is kept")
    assert seen.topics() == {"acme/t"}
    assert [(entry["topic"], entry["reason"]) for entry in node.quarantine()] == [("secret/t", "sink_refused")]


@pytest.fixture
def security_plugin():
    """mosquitto's plugin for rights, which comes with Debian's package."""
    plugin = next(Path("/usr/lib").glob("**/mosquitto_dynamic_security.so"), None)
    if plugin is None:
        pytest.skip("mosquitto's dynamic security plugin is not installed")
    return plugin


@pytest.fixture
async def choosy_broker(tmp_path, free_port, security_plugin):
    """A broker that refuses every subscription but those below `raw` and `acme`. (mosquitto's `acl_file` grants all and withholds messages.)"""
    folder = tmp_path / "broker"
    folder.mkdir()
    allowed = [{"acltype": "subscribePattern", "topic": topic, "allow": True} for topic in ("raw/#", "acme/#")]
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    rights = {
        "defaultACLAccess": access,
        "roles": [{"rolename": "plant", "acls": allowed}],
        "groups": [{"groupname": "all", "roles": [{"rolename": "plant"}], "clients": []}],
        "anonymousGroup": "all",
        "clients": [],
    }
    (folder / "rights.json").write_text(json.dumps(rights))
    (folder / "rights.json").chmod(0o600)
    mosquitto = Mosquitto(
        folder, free_port(), listener=f"allow_anonymous true\nplugin {security_plugin}\nplugin_opt_config_file {folder}/rights.json"
    )
    await mosquitto.start()
    yield mosquitto
    mosquitto.stop()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_a_forbidden_subscription_is_said_and_the_others_go_on(choosy_broker, node, version):
    document = plan(choosy_broker.url, version=version, route={**ROUTE, "filter": "+/{rest#}"})
    document["sources"]["plant"]["topics"] = ["secret/#", "raw/#"]
    node.configure(document)
    await node.start()
    said = await until(lambda: node.said("refused a subscription"), "the refusal")
    async with subscribing(choosy_broker.port, "acme/#") as seen, client(choosy_broker.port) as own:
        await own.publish("raw/t", b'{"value": 1}', qos=1)
        await until(lambda: seen.messages, "a message of the subscription that was granted")
    assert [(event["level"], event["connector"], event["filter"]) for event in said] == [("error", "plant", "secret/#")]
    assert said[0]["error"].endswith(".")
    assert seen.topics() == {"acme/t"}


async def publish_with(port, topic, payload, options):
    async with client(port, **options) as own:
        await own.publish(topic, payload, qos=1)


async def test_a_bad_password_is_said_and_tried_again(guarded_broker, node):
    node.configure(plan(guarded_broker.url, username="edge", password="${env:EDGE_PASSWORD}"))
    node.environ["EDGE_PASSWORD"] = "not-the-one"
    await node.start()
    refusals = await until(lambda: [event for event in node.said("was refused") if event.get("connector") == "plant"][1:], "two refusals")
    assert {event["level"] for event in refusals} == {"error"}
    assert "not-the-one" not in node.text()


async def test_wills_and_retained_messages(broker, node):
    async with client(broker.port) as own:
        await own.publish("raw/kept", b'{"value": 1}', qos=1, retain=True)
    document = plan(broker.url, route={**ROUTE, "to": {"sink": "uns", "retain": True}})
    document["sources"]["plant"]["will"] = {"topic": "edge/status", "payload": "gone", "qos": 1, "retain": True}
    node.configure(document)
    await node.start()
    await subscribed(node)
    async with subscribing(broker.port, "edge/status") as will:
        async with subscribing(broker.port, "acme/kept") as first:
            await until(lambda: first.messages, "what was retained when the node came")
        async with subscribing(broker.port, "acme/kept") as late:
            await until(lambda: late.messages, "what the node retained")
        node.kill()
        await until(lambda: will.messages, "the will")
    assert late.messages == [("acme/kept", b'{"value": 2}', True)]
    assert will.payloads() == [b"gone"]


async def test_a_clean_end_sends_no_will(broker, node):
    document = plan(broker.url)
    document["sources"]["plant"]["will"] = {"topic": "edge/status", "payload": "gone", "qos": 1}
    node.configure(document)
    await node.start()
    await subscribed(node)
    async with subscribing(broker.port, "edge/#") as will:
        node.signal(15)
        assert await node.end() == os.EX_OK
        await publish_surely(broker.port, [("edge/after", b"1")], identifier="after")
        await until(lambda: will.messages, "the message after")
    assert will.topics() == {"edge/after"}
