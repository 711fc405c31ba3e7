// SPDX-License-Identifier: Apache-2.0
// Looks for words in SECTIONS (search_index.js, which docs/search.py writes) and lists the sections that hold all of them.
"use strict";

const SHOWN = 30;

function rank(section, words) {
  const title = section.title.toLowerCase();
  const text = section.text.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const here = (title.includes(word) ? 20 : 0) + Math.min(text.split(word).length - 1, 10);
    if (here === 0) return 0;
    sum += here;
  }
  return sum;
}

function excerpt(text, word) {
  const at = Math.max(text.toLowerCase().indexOf(word), 0);
  const start = Math.max(at - 60, 0);
  return (start > 0 ? "… " : "") + text.slice(start, at + 120) + (at + 120 < text.length ? " …" : "");
}

function search(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return SECTIONS.map((section) => ({ section, score: rank(section, words), word: words[0] }))
    .filter((hit) => hit.score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, SHOWN);
}

function show(query) {
  const hits = search(query);
  const list = document.getElementById("results");
  list.replaceChildren(
    ...hits.map(({ section, word }) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = section.url;
      link.textContent = section.title;
      const text = document.createElement("p");
      text.textContent = excerpt(section.text, word);
      item.append(link, text);
      return item;
    }),
  );
  document.getElementById("count").textContent =
    query.trim() === "" ? "" : `${hits.length === SHOWN ? "The first " : ""}${hits.length} sections`;
}

const box = document.getElementById("query");
box.addEventListener("input", () => show(box.value));
box.value = new URLSearchParams(location.search).get("q") ?? "";
show(box.value);
box.focus();
