// One avatar's stream: told texts, sound and emotions, it plays what comes back, and connects anew when it falls.

export const RATE_HZ = 24000;
const SOON_MS = 500;
const LATE_MS = 8000;
const MOST_UNSENT = 2 * RATE_HZ; // bytes: a second of sound that the network has not taken
const MOST_BEHIND_S = 1.5; // of sound that the server has not drawn: more would only come late

export class Stream {
  // `on` hears: state("ready" | "speaking" | "idle" | "reconnecting"), sound() whenever some comes, error(message) and
  // fallen(message), which a new connection makes good, lost() where the avatar is gone.
  constructor(server, player, on) {
    this.server = server;
    this.player = player;
    this.on = on;
    this.avatar = null;
    this.socket = null;
    this.isOpen = false;
    this.wait = SOON_MS;
    this.timer = 0;
    this.feeling = { emotion: "neutral" };
    // Seconds of the user's sound that were sent since the face last idled; the times of the last frame and change.
    [this.sent, this.drawn, this.began] = [0, 0, 0];
  }

  // Leave the stream that is, if any, for this avatar's.
  open(avatar) {
    this.close();
    this.avatar = avatar;
    this.wait = SOON_MS;
    this.connect();
  }

  close() {
    clearTimeout(this.timer);
    this.avatar = null;
    this.isOpen = false;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  say(text, voice) {
    return this.tell({ type: "text", text, ...(voice ? { voice } : {}) });
  }

  feel(emotion, strength) {
    this.feeling = emotion === "neutral" ? { emotion } : { emotion, strength };
    this.tell({ type: "emotion", ...this.feeling });
  }

  interrupt() {
    this.player.hush();
    this.tell({ type: "interrupt" });
  }

  // 16-bit samples at RATE_HZ.
  hear(samples) {
    const drawn = Math.max(0, this.drawn - this.began);
    if (!this.isOpen || this.socket.bufferedAmount > MOST_UNSENT || this.sent - drawn > MOST_BEHIND_S) return;
    this.socket.send(samples);
    this.sent += samples.length / RATE_HZ;
  }

  tell(message) {
    if (this.isOpen) this.socket.send(JSON.stringify(message));
    return this.isOpen;
  }

  connect() {
    const socket = new WebSocket(this.server.socketAddress(`v1/avatars/${this.avatar}/stream`));
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (socket !== this.socket) return;
      socket.send(JSON.stringify({ type: "start", rate: RATE_HZ, format: "s16le", video: "jpeg", fps: 25, size: 720 }));
    };
    socket.onmessage = (message) => {
      if (socket === this.socket) this.heard(message.data);
    };
    socket.onclose = () => {
      if (socket === this.socket) this.fallen();
    };
  }

  heard(data) {
    if (data instanceof ArrayBuffer) {
      const time = new DataView(data).getFloat64(0, true);
      this.drawn = time;
      this.player.frame(time, new Blob([new Uint8Array(data, 8)], { type: "image/jpeg" }));
      return;
    }
    const event = JSON.parse(data);
    if (event.type === "ready") {
      this.isOpen = true;
      [this.sent, this.began, this.drawn] = [0, 0, 0];
      this.wait = SOON_MS;
      this.player.reset();
      if (this.feeling.emotion !== "neutral") this.tell({ type: "emotion", ...this.feeling });
      this.on.state("ready");
    } else if (event.type === "speaking" || event.type === "idle") {
      this.began = event.time;
      if (event.type === "idle") this.sent = 0;
      this.on.state(event.type);
    } else if (event.type === "sound") {
      this.player.sound(event.time, event.rate, samplesOf(event.data));
      this.on.sound();
    } else if (event.type === "interrupted") {
      this.player.restart(event.time);
    } else if (event.type === "error") {
      this.on.error(event.message);
    }
  }

  // A browser does not tell why a socket was refused: the avatar's own answer does.
  async fallen() {
    const avatar = this.avatar;
    this.isOpen = false;
    this.player.hush();
    this.on.state("reconnecting");
    try {
      const { busy } = await this.server.ask("GET", `v1/avatars/${avatar}`);
      if (busy) this.on.fallen(`The server has no room just now: ${busy}. This page tries again by itself.`);
    } catch (error) {
      if (avatar !== this.avatar) return;
      if (error.status === 404) return this.on.lost();
      this.on.fallen(error.message);
    }
    if (avatar !== this.avatar) return;
    this.timer = setTimeout(() => this.connect(), this.wait);
    this.wait = Math.min(2 * this.wait, LATE_MS);
  }
}

function samplesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Int16Array(bytes.buffer);
}
