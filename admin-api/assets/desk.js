// The one script: every page works without it.
"use strict";

const french = document.documentElement.lang === "fr";
const say = (fr, en) => (french ? fr : en);

// An invitation's code is behind the #: no server on the way sees it, and it leaves the address bar.
const field = document.querySelector("[data-from-hash]");
if (field && location.hash.length > 1) {
  field.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  document.querySelector("#password")?.focus();
}

// Whoever is signed in as somebody else signs out first, and goes on with the code of the invitation.
const leaving = document.querySelector("[data-keeps-hash]");
if (leaving && location.hash.length > 1) leaving.setAttribute("action", "/logout" + location.hash);

// What scrolls sideways is reached by the keyboard too, and says what it is.
const sideways = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (target.scrollWidth > target.clientWidth) {
      const title = target.querySelector("caption") ?? target.closest("section")?.querySelector("h2, h3");
      target.setAttribute("role", "group");
      target.setAttribute("aria-label", (title ?? document.querySelector("h1"))?.textContent ?? "");
      target.tabIndex = 0;
    } else for (const name of ["role", "aria-label", "tabindex"]) target.removeAttribute(name);
  }
});
const watch = () => document.querySelectorAll(".scroll:not([tabindex])").forEach((one) => sideways.observe(one));
watch();

// Live: the part of the page that is marked is fetched again, unless somebody is reading it.
const EVERY_MS = 15000;
const live = document.querySelector("[data-live]");
if (live) {
  let paused = sessionStorage.getItem("paused") === "yes";
  const bar = document.createElement("p");
  const button = document.createElement("button");
  const told = document.createElement("span");
  bar.className = "live small";
  button.type = "button";
  button.className = "quiet";
  bar.append(button, " ", told);
  live.before(bar);
  const show = (text) => {
    button.textContent = paused ? say("Reprendre la mise à jour", "Resume updates") : say("Figer la page", "Pause updates");
    button.setAttribute("aria-pressed", String(paused));
    told.textContent = text;
  };
  const reading = () =>
    document.hidden || live.contains(document.activeElement) || live.matches(":hover") ||
    live.querySelector("details[open]") || !getSelection().isCollapsed;
  const refresh = async () => {
    if (paused) return show(say("Page figée.", "Updates are paused."));
    if (reading()) return show(say("En attente : vous lisez.", "Waiting: you are reading."));
    try {
      const answer = await fetch(location.href, { redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
      if (next && !paused && !reading()) {
        live.replaceChildren(...next.childNodes);
        watch();
      }
      show(say("À jour à ", "Up to date at ") + new Date().toLocaleTimeString(french ? "fr-FR" : "en-GB"));
    } catch {
      show(say("La page n'a pas pu être mise à jour.", "The page could not be updated."));
    }
  };
  button.addEventListener("click", () => {
    paused = !paused;
    sessionStorage.setItem("paused", paused ? "yes" : "no");
    show("");
    refresh();
  });
  show("");
  setInterval(refresh, EVERY_MS);
}

// Keys: j and k go down and up the list, Enter opens, / searches, ? tells. None acts while one writes.
const links = () => [...document.querySelectorAll("tbody tr td:first-child a, ol.causes .headline a")];
const help = () => {
  let box = document.querySelector("dialog.keys");
  if (!box) {
    box = document.createElement("dialog");
    box.className = "keys";
    box.setAttribute("aria-label", say("Touches", "Keys"));
    for (const [key, text] of [
      ["j", say("ligne suivante", "next line")], ["k", say("ligne précédente", "previous line")],
      ["Entrée", say("ouvrir", "open")], ["/", say("chercher", "search")], ["?", say("ces touches", "these keys")],
    ]) {
      const line = document.createElement("p");
      const name = document.createElement("kbd");
      name.textContent = french ? key : key.replace("Entrée", "Enter");
      line.append(name, " ", text);
      box.append(line);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = say("Fermer", "Close");
    close.addEventListener("click", () => box.close());
    box.append(close);
    document.body.append(box);
  }
  box.showModal();
};
document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input, select, textarea, dialog, [contenteditable]");
  if (writes || event.ctrlKey || event.altKey || event.metaKey) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) {
    const all = links();
    const at = all.indexOf(document.activeElement);
    const to = at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step;
    all[to]?.focus();
  } else if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (!search) return;
    search.focus();
  } else if (event.key === "?") {
    help();
  } else return;
  event.preventDefault();
});
