// What is seen of it: the state, complaints, what was said, the voices, and the question for a key.

const at = (id) => document.getElementById(id);
const STATES = {
  opening: "Opening the picture",
  ready: "Ready",
  idle: "Ready",
  speaking: "Speaking",
  listening: "Listening",
  reconnecting: "Connecting again",
  failed: "Not connected",
};

export function showState(name) {
  for (const element of [at("status"), at("stage")]) element.dataset.state = name;
  at("status-text").textContent = STATES[name];
  at("stop").hidden = name !== "speaking";
}

// `passing`: of the connection, and settled once there is one.
export function complain(message, passing = false) {
  at("toast").classList.toggle("passing", passing);
  at("toast-text").textContent = sentence(message);
  at("toast").hidden = false;
}

export function hideComplaint() {
  at("toast").hidden = true;
  at("toast-text").textContent = "";
}

export function hidePassing() {
  if (at("toast").classList.contains("passing")) hideComplaint();
}

// What is advised to those who call the server themselves is left out.
function sentence(message) {
  const words = message.replace(/,? or say where it is \([^)]*\)/, "");
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

// A text that was sent to be spoken.
export function say(text) {
  const item = document.createElement("li");
  item.textContent = text;
  at("said").append(item);
  while (at("said").children.length > 50) at("said").firstChild.remove();
  at("ideas").hidden = true;
  at("said").scrollTop = at("said").scrollHeight;
}

// Voices by the engine that speaks them.
export function fillVoices(voices) {
  const groups = Map.groupBy ? Map.groupBy(voices, (voice) => voice.engine) : grouped(voices);
  for (const [engine, its] of groups) {
    const group = document.createElement("optgroup");
    group.label = engine;
    for (const voice of its) group.append(new Option(`${voice.label} (${voice.name})`, voice.name));
    at("voice").append(group);
  }
}

function grouped(voices) {
  const groups = new Map();
  for (const voice of voices) groups.set(voice.engine, [...(groups.get(voice.engine) ?? []), voice]);
  return groups;
}

// `again`: the last key was none.
export function askKey(again) {
  at("key-hint").textContent = again
    ? "That key does not fit. Ask whoever runs this server."
    : "Whoever runs it has set one. It is kept in this tab alone.";
  at("key").value = "";
  const dialog = at("key-dialog");
  dialog.oncancel = (event) => event.preventDefault(); // nothing works without it
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(at("key").value.trim());
  });
}
