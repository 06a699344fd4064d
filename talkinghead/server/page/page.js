// The page: a portrait that idles, says what is typed and what the microphone hears, and can be interrupted.

import { Microphone } from "./microphone.js";
import { Player } from "./player.js";
import { finished } from "./sentences.js";
import { Server } from "./server.js";
import { RATE_HZ, Stream } from "./stream.js";
import { askKey, complain, fillVoices, hideComplaint, hidePassing, say, showState } from "./view.js";

const EXAMPLE = "page/portrait.jpg";
const KEPT = "talkinghead-example";
const HIDDEN_MS = 30000; // a page that nobody sees gives its place on the server to others
const TELLING_MS = 4000;

const at = (id) => document.getElementById(id);
const player = new Player(at("face"));
const server = new Server(askKey);
let picture = null; // the user's File, null for the example
let avatar = null;
let telling = 0; // until when a text is taken to be in the making or spoken
let hiding = 0;

const stream = new Stream(server, player, {
  state(name) {
    if (name === "idle") telling = 0;
    if (name === "ready") hidePassing();
    showState((name === "idle" || name === "ready") && microphone.isOn ? "listening" : name);
  },
  sound: () => (telling = performance.now() + TELLING_MS),
  error: complain,
  fallen: (message) => complain(message, true),
  lost: () => openPicture(),
});

const microphone = new Microphone(
  RATE_HZ,
  // What a text says is not talked over: it would only wait behind it.
  (samples) => performance.now() > telling && !player.isHeard && stream.hear(samples),
  (level) => (at("level").value = level),
);

// Open the picture in use on the server, and its stream.
async function openPicture() {
  const chosen = picture;
  showState("opening");
  stream.close();
  player.reset();
  forget(avatar);
  avatar = null;
  try {
    const blob = chosen ?? (await (await fetch(EXAMPLE)).blob());
    await showStill(blob);
    const made = (await keptExample(chosen)) ?? (await makeAvatar(chosen, blob));
    if (chosen !== picture) return forget(made.id);
    avatar = made.id;
    hidePassing();
    stream.open(avatar);
  } catch (error) {
    if (chosen !== picture) return;
    showState("failed");
    complain(error.message, !chosen);
    if (chosen) usePicture(null);
    else if (!error.status) setTimeout(() => picture === null && !avatar && openPicture(), 4000);
  }
}

async function makeAvatar(chosen, blob) {
  const form = new FormData();
  form.append("picture", blob, chosen?.name ?? "portrait.jpg");
  if (at("close-up").checked) form.append("crop", "1");
  const made = await server.ask("POST", "v1/avatars", form);
  if (!chosen && !at("close-up").checked) sessionStorage.setItem(KEPT, made.id);
  return made;
}

// The example is opened once, however often the page is loaded anew.
async function keptExample(chosen) {
  const name = sessionStorage.getItem(KEPT);
  if (chosen || at("close-up").checked || !name) return null;
  return server.ask("GET", `v1/avatars/${name}`).catch(() => null);
}

function forget(name) {
  if (name && name !== sessionStorage.getItem(KEPT)) server.ask("DELETE", `v1/avatars/${name}`).catch(() => {});
}

async function showStill(blob) {
  const image = await createImageBitmap(blob).catch(() => null);
  if (!image) return; // the server says what is wrong with it
  player.still(image);
  image.close();
  const old = at("thumbnail").src;
  at("thumbnail").src = URL.createObjectURL(blob);
  if (old.startsWith("blob:")) URL.revokeObjectURL(old);
}

// The user's file, or null: the example, which also takes the place of a picture that cannot be used.
function usePicture(file) {
  picture = file;
  at("example").hidden = file === null;
  at("picture").value = "";
  if (file) hideComplaint();
  openPicture();
}

function speak(text) {
  const words = text.trim();
  if (!words) return;
  player.unlock();
  if (!stream.say(words, at("voice").value)) {
    complain("The face is not there yet: try again in a moment.");
    return;
  }
  telling = performance.now() + TELLING_MS;
  say(words);
}

function speakRest() {
  const words = at("words").value;
  at("words").value = "";
  grow();
  speak(words);
}

function stop() {
  telling = 0;
  stream.interrupt();
}

function grow() {
  at("words").style.height = "auto";
  at("words").style.height = `${Math.min(180, at("words").scrollHeight)}px`;
}

async function toggleMicrophone() {
  player.unlock();
  if (microphone.isOn) {
    microphone.stop();
  } else {
    if (player.isHeard) stop();
    try {
      await microphone.start();
    } catch (error) {
      complain(error.message);
    }
  }
  at("microphone").setAttribute("aria-pressed", String(microphone.isOn));
  at("microphone-text").textContent = microphone.isOn ? "Listening" : "Microphone";
  if (stream.isOpen) showState(microphone.isOn ? "listening" : "ready");
}

function feel() {
  const emotion = document.querySelector("input[name=emotion]:checked").value;
  at("strength").disabled = emotion === "neutral";
  stream.feel(emotion, Number(at("strength").value));
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  speakRest();
});
at("words").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    speakRest();
  }
});
at("words").addEventListener("input", (event) => {
  grow();
  if (!at("as-typed").checked || event.isComposing) return;
  const [sentences, rest] = finished(at("words").value);
  if (!sentences) return;
  at("words").value = rest;
  grow();
  speak(sentences);
});
document.addEventListener("keydown", (event) => event.key === "Escape" && !at("key-dialog").open && stop());
document.addEventListener("pointerdown", () => player.unlock(), { once: true });
at("ideas").addEventListener("click", (event) => event.target.matches("button") && speak(event.target.textContent));
at("stop").addEventListener("click", stop);
at("microphone").addEventListener("click", toggleMicrophone);
at("emotions").addEventListener("change", feel);
at("strength").addEventListener("change", feel);
at("strength").disabled = true;
at("picture").addEventListener("change", () => at("picture").files[0] && usePicture(at("picture").files[0]));
at("example").addEventListener("click", () => usePicture(null));
at("close-up").addEventListener("change", () => openPicture());
at("toast-close").addEventListener("click", hideComplaint);
for (const [kind, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  at("stage").addEventListener(kind, (event) => {
    event.preventDefault();
    at("stage").classList.toggle("over", over);
    if (kind === "drop" && event.dataTransfer.files[0]) usePicture(event.dataTransfer.files[0]);
  });
}
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(() => !microphone.isOn && stream.close(), HIDDEN_MS);
  else if (avatar && !stream.avatar) stream.open(avatar);
});

openPicture();
server.ask("GET", "v1/voices").then(({ voices }) => fillVoices(voices), () => {});
