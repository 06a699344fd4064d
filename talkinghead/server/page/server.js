// Requests to the server that this page comes from, with its key where it wants one.

const KEPT = "talkinghead-key";

export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export class Server {
  // `askKey(again)` asks the user for a key, and gives it.
  constructor(askKey) {
    this.askKey = askKey;
    this.key = sessionStorage.getItem(KEPT) ?? "";
    this.asking = null;
  }

  // The JSON of an answer, null where it has none. Throws a ServerError that says in words what is wrong.
  async ask(method, path, body = null) {
    for (;;) {
      const headers = this.key ? { "X-API-Key": this.key } : {};
      let answer;
      try {
        answer = await fetch(path, { method, body, headers, cache: "no-store" });
      } catch {
        throw new ServerError("The server does not answer. It may have been stopped, or the network is down.", 0);
      }
      if (answer.status === 401) {
        await this.renewKey();
        continue;
      }
      if (answer.status === 204) return null;
      const said = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new ServerError(said.error ?? `The server answered ${answer.status}.`, answer.status);
      return said;
    }
  }

  // One question at a time, however many requests were refused.
  async renewKey() {
    this.asking ??= this.askKey(this.key !== "").finally(() => (this.asking = null));
    this.key = await this.asking;
    sessionStorage.setItem(KEPT, this.key);
  }

  // The address of a stream: sockets of a browser send no headers.
  socketAddress(path) {
    const address = new URL(path, document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    if (this.key) address.searchParams.set("key", this.key);
    return address;
  }
}
