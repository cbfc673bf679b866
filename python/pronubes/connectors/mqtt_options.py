"""What can be said about an MQTT source or sink. The I/O is in `connectors.mqtt`, the protocol in Rust.

This is also the example of how a connector describes itself; see `connectors.options`.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, model_validator

from pronubes.connectors.options import ConnectorOptions, Delivery, SinkConnector, SinkOptions, SourceConnector, SourceOptions, StrictModel
from pronubes.connectors.values import ByteSize, Credential, Duration, QoS, Secret, refuse
from pronubes.errors import NotConnected

if TYPE_CHECKING:
    import ssl

__all__ = ["SINK", "SOURCE", "MqttOptions", "MqttSinkOptions", "MqttSourceOptions", "Tls", "Will"]

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LATER = {"ws": "WebSocket", "wss": "WebSocket"}


def _url(value: Any) -> Any:  # Any: whatever stands in the YAML
    if not isinstance(value, str):
        return value
    expected = "`mqtt://HOST:PORT` or `mqtts://HOST:PORT`"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise refuse("This is not the address of a broker.", expected=expected) from error
    if parts.username is not None or parts.password is not None:
        raise refuse("An address must not carry a user or a password.", expected=expected, hint="Use `username` and `password`.", secret=True)
    if parts.scheme in _LATER:
        raise refuse(f"{_LATER[parts.scheme]} is not in this version.", expected=expected)
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise refuse("This is not the address of a broker.", expected=expected, hint=_url_hint(value, parts))
    return value


def _url_hint(value: str, parts: SplitResult) -> str | None:
    if "://" not in value:
        return f"Did you mean `mqtt://{value}`?"
    if parts.scheme in ("tcp", "ssl", "tls"):
        scheme = "mqtt" if parts.scheme == "tcp" else "mqtts"
        return f"Did you mean `{scheme}://{parts.netloc}`?"
    return None


def _version(value: Any) -> Any:  # Any: whatever stands in the YAML
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _topics(value: Any) -> Any:  # Any: whatever stands in the YAML
    for index, topic in enumerate(value if isinstance(value, list) else ()):
        if isinstance(topic, str) and topic.startswith("$share/"):
            raise refuse("Shared subscriptions are not in this version.", hint="Subscribe to the filter alone, with one node.", field=str(index))
    return value


TopicText = Annotated[str, Field(min_length=1, max_length=65_535)]


class Tls(StrictModel):
    """How the broker proves who it is, and how this node does. With `mqtts` and nothing here the system's certificate authorities count."""

    ca: str | None = None
    """A PEM file of the certificate authorities that may vouch for the broker. Left out: the system's."""
    cert: str | None = None
    """A PEM file with this node's certificate."""
    key: str | None = None
    """A PEM file with the certificate's key, readable by the service alone."""
    server_name: str | None = None
    """The name that the broker's certificate must have. Left out: the host of `url`."""

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise refuse("A client certificate needs its key.", expected="both `cert` and `key`, or neither")
        return self


class Will(StrictModel):
    """What the broker publishes when this connection is lost."""

    topic: TopicText
    """The topic."""
    payload: str = ""
    """The payload."""
    qos: QoS = 0
    """The quality of service."""
    retain: bool = False
    """Whether the broker keeps it."""


class MqttOptions(ConnectorOptions):
    """What sources and sinks share."""

    url: Annotated[str, BeforeValidator(_url, json_schema_input_type=str)]
    """The broker: `mqtt://HOST:PORT`, or `mqtts://` for TLS. The port is 1883, with TLS 8883, when left out."""
    version: Annotated[Literal["3.1.1", "5"], BeforeValidator(_version, json_schema_input_type=Literal["3.1.1", "5", 5])] = "5"
    """The version of the protocol. `5` falls back to nothing: say `3.1.1` for a broker that speaks only that."""
    client_id: Annotated[str, Field(min_length=1, max_length=23 * 8)] | None = None
    """The name of the session. Left out: `{node}-{name}`. Two connections with one name throw each other out."""
    username: Credential | None = None
    """The user: a text or a reference."""
    password: Secret | None = None
    """The password, as a reference: `${env:NAME}` or `${file:PATH}`."""
    tls: Tls | None = None
    """Details of TLS, for `mqtts`."""
    allow_plaintext: bool = False
    """Allow a connection beyond this machine without TLS."""
    keep_alive: Duration = Field(default=30.0, ge=1, le=65_535)
    """How often an idle connection is proved alive."""
    clean_start: bool | None = None
    """Whether to begin without what the broker remembers of the session. Left out: no for a source with QoS 1, else yes."""
    session_expiry: Duration = Field(default=86_400.0, ge=0, le=2**32 - 2)
    """How long the broker remembers the session of a source with QoS 1 (MQTT 5)."""
    receive_maximum: int = Field(default=1000, ge=1, le=65_535)
    """How many QoS 1 messages may come in unacknowledged; what bounds memory while sinks are slow."""
    max_packet: ByteSize = Field(default=2**20, ge=1024, le=256 * 2**20)
    """The largest packet that is accepted."""
    will: Will | None = None
    """What the broker publishes when this connection is lost."""
    user_properties: dict[str, str] = {}
    """User properties of the connection (MQTT 5), such as who runs it."""
    connect_timeout: Duration = Field(default=10.0, ge=0.1, le=300)
    """How long a connection may take to come up."""
    backoff_max: Duration = Field(default=30.0, ge=0.1, le=3600)
    """The longest pause between attempts to connect. The first is about 0.1 s, each doubles, all are jittered."""

    @property
    def scheme(self) -> str:
        """`mqtt`, or `mqtts` for TLS."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """The broker's host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def is_loopback(self) -> bool:
        """Whether the broker is on this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def server_name(self) -> str:
        """The name that the broker's certificate must have."""
        return (self.tls and self.tls.server_name) or self.host

    def ssl_context(self, *, base_dir: Path) -> ssl.SSLContext | None:
        """Make what TLS needs; read anew for each connection, so that renewed certificates count.

        Args:
            base_dir: The folder against which the paths of certificates count.

        Returns:
            The context, or None for `mqtt`.

        Raises:
            NotConnected: A certificate or key cannot be read.
        """
        if self.scheme != "mqtts":
            return None
        import ssl

        tls = self.tls or Tls()
        try:
            context = ssl.create_default_context(cafile=base_dir / tls.ca if tls.ca else None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if tls.cert and tls.key:
                context.load_cert_chain(base_dir / tls.cert, base_dir / tls.key)
        except (OSError, ssl.SSLError) as error:
            raise NotConnected(f"A certificate or key for `{self.url}` cannot be read: {error}.") from error
        return context

    @property
    def protocol(self) -> Literal[4, 5]:
        """The protocol level on the wire: 4 is MQTT 3.1.1."""
        return 4 if self.version == "3.1.1" else 5

    def endpoint(self) -> str | None:
        """Name the broker."""
        return f"mqtt://{'127.0.0.1' if self.is_loopback else self.host}:{self.port}"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        is_tls = self.scheme == "mqtts"
        if not is_tls and not self.is_loopback and not self.allow_plaintext:
            raise refuse(
                f"`{self.host}` is not this machine and the connection is not encrypted.",
                expected="`mqtts://`, or a written permission",
                hint="Use `mqtts://` if the broker can. If it must be plain, add the line:  allow_plaintext: true",
                field="url",
            )
        if self.tls is not None and not is_tls:
            raise refuse("`tls` is for `mqtts://`.", hint=f"Write `url: mqtts://{self.host}`, or remove `tls`.", field="tls")
        if self.password is not None and self.username is None:
            raise refuse("A password needs a `username`.", field="password")
        if self.user_properties and self.version != "5":
            raise refuse("User properties need MQTT 5.", expected="`version: 5`, or no `user_properties`", field="user_properties")
        return self


class MqttSourceOptions(MqttOptions, SourceOptions):
    """Subscribe to a broker."""

    not_yet: ClassVar[dict[str, str]] = {
        "transport": "Use plain MQTT or MQTT over TLS.",
        "share": "Subscribe with one node.",
        "queue": "Queues belong to sinks: put `queue` there. A source is held back when a sink's queue is full.",
        "topic_aliases": "Leave it out; names are sent in full.",
    }

    topics: Annotated[list[TopicText], Field(min_length=1, max_length=10_000), BeforeValidator(_topics, json_schema_input_type=list[TopicText])]
    """The filters to subscribe to. Quote `"#"`: alone it starts a comment."""
    qos: QoS = 0
    """The quality of service to ask for. With `1` a message is acknowledged when it lies on the disk (`delivery: durable`)."""
    retained: Literal["always", "new", "never"] = "always"
    """Which retained messages the broker sends on subscribing: all, only when the subscription is new, none (MQTT 5)."""
    retain_as_published: bool = True
    """Whether messages keep their retain flag (MQTT 5)."""
    no_local: bool = False
    """Whether the broker leaves out what this same connection published (MQTT 5)."""
    latency_budget: Duration = Field(default=0.0, ge=0, le=1)
    """How long small reads may be gathered at low rates: a few milliseconds save most wake-ups. `0`: not at all."""

    def filters(self) -> Sequence[str] | None:
        """List the subscriptions."""
        return self.topics

    def default_delivery(self) -> Delivery:
        """Choose `durable` for QoS 1: the acknowledgement means that the message lies on the disk."""
        return "durable" if self.qos else "spill"

    @property
    def starts_clean(self) -> bool:
        """Whether to begin without what the broker remembers."""
        return self.clean_start if self.clean_start is not None else self.qos == 0


class MqttSinkOptions(MqttOptions, SinkOptions):
    """Publish to a broker."""

    not_yet: ClassVar[dict[str, str]] = {
        "transport": "Use plain MQTT or MQTT over TLS.",
        "topic_aliases": "Leave it out; names are sent in full.",
        "message_expiry": "Leave it out; messages do not expire.",
    }

    qos: QoS = 0
    """The quality of service, where a route's target does not say one."""
    retain: bool = False
    """Whether the broker keeps messages, where a route's target does not say it."""
    max_inflight: int = Field(default=1000, ge=1, le=65_535)
    """How many QoS 1 messages may be out unconfirmed. The broker may ask for fewer."""

    def marks_replayed(self) -> bool:
        """Say whether messages can be marked: MQTT 5 has user properties, 3.1.1 has not."""
        return self.version == "5"

    @property
    def starts_clean(self) -> bool:
        """Whether to begin without what the broker remembers."""
        return self.clean_start if self.clean_start is not None else True


SOURCE = SourceConnector(
    options=MqttSourceOptions,
    implementation="pronubes.connectors.mqtt:MqttLink",
    plane="bytes",
    example="{type: mqtt, url: 'mqtt://127.0.0.1:1883', topics: ['raw/#'], qos: 1}",
)

SINK = SinkConnector(
    options=MqttSinkOptions,
    implementation="pronubes.connectors.mqtt:MqttLink",
    plane="bytes",
    example="{type: mqtt, url: 'mqtt://127.0.0.1:1883', qos: 1}",
)
