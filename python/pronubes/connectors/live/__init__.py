"""The live page: a sink that shows the namespace, the routes and the quarantine of a running node in a browser.

It takes no messages. The engine keeps the newest value per topic, and an open page is told a few times per second what has changed: a page that
nobody has open costs next to nothing, and one that cannot keep up sees fewer intermediate values instead of holding something up. Nothing here
changes the node.

`options` what may be configured · `sink` the socket and the web server · `app` addresses, headers and who may ask · `feed` the stream of events ·
`values` paging and searching · `static/` the page, plain HTML, CSS and ES modules without a build step.
"""

from pronubes.connectors.live.options import LiveOptions
from pronubes.connectors.options import SinkConnector

__all__ = ["SINK", "LiveOptions"]

SINK = SinkConnector(options=LiveOptions, implementation="pronubes.connectors.live.sink:LiveSink", example="{type: live, port: 8080}", plane="view")
