// The microphone: what is said into it, in pieces; silence between is left out, so that the face idles and nothing piles
// up behind.

const FLOOR = 0.004; // of full scale
const BEFORE = 2; // pieces of 40 ms that are given out once speech is noticed: what they last, the face lags behind
const AFTER = 20; // and after it was last heard

export class Microphone {
  // `heard(samples)`: 16-bit samples at `rate`; `level(value)`: 0..1, for the eye.
  constructor(rate, heard, level) {
    this.rate = rate;
    this.heard = heard;
    this.level = level;
    this.media = null;
    this.noise = FLOOR;
    this.before = [];
    this.left = 0;
  }

  get isOn() {
    return this.media !== null;
  }

  // Throws an Error that says in words why there is no sound.
  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("This browser lets a page hear the microphone at localhost or over https alone.");
    }
    try {
      this.media = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The microphone cannot be used (${error.name}).`);
    }
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("page/microphone-worklet.js");
    const node = new AudioWorkletNode(this.context, "pcm", { processorOptions: { rate: this.rate } });
    node.port.onmessage = ({ data }) => this.take(data);
    // It gives out silence; without a way to the loudspeaker it would not run.
    this.context.createMediaStreamSource(this.media).connect(node).connect(this.context.destination);
  }

  stop() {
    for (const track of this.media?.getTracks() ?? []) track.stop();
    this.context?.close();
    this.media = null;
    this.context = null;
    this.before = [];
    this.left = 0;
    this.level(0);
  }

  take(samples) {
    if (!this.isOn) return;
    let sum = 0;
    for (const value of samples) sum += value * value;
    const loud = Math.sqrt(sum / samples.length) / 32768;
    this.level(Math.min(1, 4 * loud));
    // The room's own noise is followed down at once, up slowly.
    this.noise = Math.max(FLOOR, loud < this.noise ? loud : this.noise * 1.01);
    if (loud > 2.5 * this.noise) this.left = AFTER;
    if (this.left > 0) {
      this.left -= 1;
      for (const earlier of this.before.splice(0)) this.heard(earlier);
      this.heard(samples);
    } else {
      this.before.push(samples);
      if (this.before.length > BEFORE) this.before.shift();
    }
  }
}

const REASONS = {
  NotAllowedError: "The microphone is not allowed for this page: allow it in the browser's address bar.",
  NotFoundError: "No microphone was found.",
  NotReadableError: "The microphone is in use by another program.",
};
