// Frames on a canvas and sound in step with them.
//
// Frames come as JPEG with their times, not as MP4 through MediaSource: what is held can be dropped the moment somebody
// interrupts, nothing waits for a buffer to fill, and no codec is needed. One clock carries both: `begin` is the moment
// (of performance.now, in seconds) at which the frames' time 0 is shown, and sound is started by the same.

const LEAD_S = 0.08; // how long a frame may come late without being seen to
const LOOK_BACK = 50; // frames over which it is judged whether all of them come needlessly early
const MOST_HELD = 75;

const now = () => performance.now() / 1000;

export class Player {
  constructor(canvas) {
    this.canvas = canvas;
    this.pencil = canvas.getContext("2d");
    this.frames = [];
    this.begin = null;
    this.leads = [];
    this.audio = null;
    this.playing = new Set();
    this.tail = null; // where the last piece of sound ends: {time, at}
    this.shown = 0;
    const step = () => {
      this.draw();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  // Browsers let a page be heard only after a click or a key: call this from one.
  unlock() {
    this.audio ??= new AudioContext({ latencyHint: "interactive" });
    if (this.audio.state === "suspended") this.audio.resume();
  }

  get isHeard() {
    return this.playing.size > 0;
  }

  // A still picture, until there are frames.
  still(image) {
    this.clear();
    this.begin = null;
    this.fit(image.width, image.height);
    this.pencil.drawImage(image, 0, 0);
  }

  fit(width, height) {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
  }

  frame(time, jpeg) {
    this.keepPace(time);
    const frame = { time, bitmap: null, failed: false };
    this.frames.push(frame);
    createImageBitmap(jpeg).then(
      (bitmap) => (frame.gone ? bitmap.close() : (frame.bitmap = bitmap)),
      () => (frame.failed = true),
    );
    // A hidden page draws nothing.
    while (this.frames.length > MOST_HELD) this.drop(this.frames.shift());
  }

  // A piece of sound of 16-bit samples that belongs to a time of the frames.
  sound(time, rate, samples) {
    if (!this.audio || this.audio.state !== "running" || this.begin === null) return;
    const buffer = this.audio.createBuffer(1, samples.length, rate);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i++) channel[i] = samples[i] / 32768;
    const soonest = this.audio.currentTime;
    let at = soonest + (this.begin + time - now());
    // Pieces that follow each other are joined without a gap, whatever the clocks' readings differ by.
    if (this.tail && Math.abs(this.tail.time - time) < 0.002 && this.tail.at > soonest) at = this.tail.at;
    this.tail = { time: time + buffer.duration, at: at + buffer.duration };
    const source = new AudioBufferSourceNode(this.audio, { buffer });
    source.connect(this.audio.destination);
    source.onended = () => this.playing.delete(source);
    this.playing.add(source);
    if (at >= soonest) source.start(at);
    else source.start(soonest, Math.min(soonest - at, buffer.duration));
  }

  // Be silent now.
  hush() {
    for (const source of this.playing) source.stop();
    this.playing.clear();
    this.tail = null;
  }

  // Frames from this time on are new, and shown from now on; all else is void.
  restart(time) {
    this.hush();
    this.clear();
    this.begin = now() + LEAD_S / 2 - time;
    this.leads = [];
  }

  // The stream is another, whose times begin anew.
  reset() {
    this.hush();
    this.clear();
    this.begin = null;
    this.leads = [];
  }

  clear() {
    for (const frame of this.frames) this.drop(frame);
    this.frames = [];
  }

  drop(frame) {
    frame.gone = true;
    frame.bitmap?.close();
  }

  keepPace(time) {
    this.begin ??= now() + LEAD_S - time;
    const lead = this.begin + time - now();
    if (this.isHeard) {
      this.leads = []; // nothing is moved beneath sound
      return;
    }
    this.leads.push(lead);
    if (this.leads.length > LOOK_BACK) this.leads.shift();
    const least = Math.min(...this.leads);
    const needless = this.leads.length === LOOK_BACK && least > LEAD_S + 0.1;
    if (lead < 0 || needless) {
      this.begin += LEAD_S - (needless ? least : lead);
      this.leads = [];
    }
  }

  draw() {
    if (this.begin === null) return;
    const time = now() - this.begin - (this.audio?.outputLatency || 0) * (this.isHeard ? 1 : 0);
    let due = null;
    while (this.frames.length && this.frames[0].time <= time && (this.frames[0].bitmap || this.frames[0].failed)) {
      if (due) this.drop(due);
      due = this.frames.shift();
    }
    if (!due?.bitmap) return;
    this.fit(due.bitmap.width, due.bitmap.height);
    this.pencil.drawImage(due.bitmap, 0, 0);
    this.drop(due);
    this.shown += 1;
  }
}
