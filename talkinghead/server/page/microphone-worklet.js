// The microphone's sound at another rate, in pieces of 40 ms of 16-bit samples.

const TAPS = 16; // on either side

class Pcm extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.step = sampleRate / processorOptions.rate;
    this.cut = Math.min(1, 1 / this.step) * 0.95; // of the input's band: what the new rate cannot hold is left out
    this.reach = Math.ceil(TAPS * Math.max(1, this.step));
    this.held = new Float32Array(0);
    this.at = this.reach; // where in `held` the next sample lies
    this.out = new Int16Array(Math.round(processorOptions.rate / 25));
    this.count = 0;
  }

  process([input]) {
    const heard = input[0];
    if (!heard) return true;
    const held = new Float32Array(this.held.length + heard.length);
    held.set(this.held);
    held.set(heard, this.held.length);
    while (this.at + this.reach < held.length) {
      this.put(this.sample(held));
      this.at += this.step;
    }
    const done = Math.max(0, Math.floor(this.at) - this.reach);
    this.held = held.slice(done);
    this.at -= done;
    return true;
  }

  // A windowed sinc about `at`.
  sample(held) {
    let sum = 0;
    for (let i = Math.ceil(this.at - this.reach); i < this.at + this.reach; i++) {
      const x = i - this.at;
      const phase = Math.PI * this.cut * x;
      const sinc = x === 0 ? 1 : Math.sin(phase) / phase;
      sum += held[i] * this.cut * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / this.reach));
    }
    return sum;
  }

  put(value) {
    this.out[this.count++] = Math.round(32767 * Math.max(-1, Math.min(1, value)));
    if (this.count === this.out.length) {
      this.port.postMessage(this.out.slice());
      this.count = 0;
    }
  }
}

registerProcessor("pcm", Pcm);
