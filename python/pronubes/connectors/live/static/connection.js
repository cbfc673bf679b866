// The stream of events. The browser reconnects by itself and says where it was; what it gives up on (a refused connection, a full server, a stream
// that has gone silent) is opened again here.

const SILENCE_MS = 15_000;
const RETRY_MS = 2000;

export class Connection {
  /** @param handlers {hello, values, status, quarantine, state}; each gets the parsed event, `state` gets ("live" | "reconnecting", since). */
  constructor(handlers) {
    this.handlers = handlers;
    this.lastId = "";
    this.lostAt = null;
    this.heardAt = performance.now();
    this.open();
    setInterval(() => this.check(), 1000);
  }

  open() {
    this.source?.close();
    this.retryAt = null;
    this.heardAt = performance.now();
    const source = new EventSource(this.lastId ? `/events?after=${encodeURIComponent(this.lastId)}` : "/events");
    this.source = source;
    for (const name of ["hello", "values", "status", "quarantine"]) {
      source.addEventListener(name, (event) => {
        if (source === this.source) this.heard(name, event);
      });
    }
    source.onerror = () => {
      if (source === this.source) this.lost();
    };
  }

  heard(name, event) {
    this.heardAt = performance.now();
    this.lostAt = null;
    if (event.lastEventId) this.lastId = event.lastEventId;
    this.handlers.state("live", null);
    this.handlers[name](JSON.parse(event.data));
  }

  lost() {
    this.lostAt ??= Date.now();
    this.handlers.state("reconnecting", this.lostAt);
    if (this.source.readyState === EventSource.CLOSED) this.retryAt ??= performance.now() + RETRY_MS;
  }

  check() {
    const now = performance.now();
    if (this.retryAt !== null) {
      if (now >= this.retryAt) this.open();
    } else if (now - this.heardAt > SILENCE_MS) {
      this.lost();
      this.open();
    }
  }
}
