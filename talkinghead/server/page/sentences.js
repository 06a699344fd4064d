// What of a text that is being typed is said already.

// [the sentences that are finished, what is still being typed]; what is finished is followed by something.
export function finished(text) {
  let end = 0;
  for (const found of text.matchAll(/[.!?…]+["'”’»)]*\s+|[。！？]+[」』]?|\n+/gu)) {
    const until = found.index + found[0].length;
    // "Dr. ", "e.g. " and "3. " end no sentence: one has two words, or is called out.
    if (/[.…]\s/.test(found[0]) && !isSentence(text.slice(end, found.index))) continue;
    end = until;
  }
  return [text.slice(0, end).trim(), text.slice(end)];
}

function isSentence(text) {
  const words = text.trim().split(/\s+/);
  const last = words.at(-1);
  return words.length > 1 && last.length > 1 && !last.includes(".") && !SHORT.has(last.toLowerCase());
}

const SHORT = new Set(["mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "approx", "no", "bzw", "usw", "ca", "nr", "sr", "sra"]);
