"use strict";
(() => {
  const radios = { en: document.getElementById("language-en"), zh: document.getElementById("language-zh") };
  const current = () => (radios.zh.checked ? "zh" : "en");

  // The same place in the other edition: the last heading above the fold, by its number.
  const headings = (language) => [...document.querySelectorAll(`#edition-${language} :is(h1, h2, h3, h4, h5)`)];
  let shown = current();

  const show = (language, keepPlace) => {
    const before = headings(shown);
    const at = keepPlace ? before.findLastIndex((h) => h.offsetParent && h.getBoundingClientRect().top < 120) : -1;
    const top = at >= 0 ? before[at].getBoundingClientRect().top : 0;
    const open = [...document.querySelectorAll(`#edition-${shown} details`)].map((d) => d.open);
    radios[language].checked = true;
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    const edition = document.getElementById(`edition-${language}`);
    document.title = edition.dataset.title;
    if (keepPlace) {
      edition.querySelectorAll("details").forEach((d, i) => { d.open = open[i]; });
      if (at >= 0) window.scrollBy({ top: headings(language)[at].getBoundingClientRect().top - top, behavior: "instant" });
    }
    shown = language;
  };

  Object.entries(radios).forEach(([language, radio]) =>
    radio.addEventListener("change", () => show(language, true)));

  const asked = new URLSearchParams(location.search).get("lang");
  const wanted = () => {
    const hash = location.hash.slice(1);
    if (hash === "zh" || hash.startsWith("zh-")) return "zh";
    if (hash === "en" || hash.startsWith("en-")) return "en";
    return null;
  };
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    const details = target.closest("details");
    if (details) details.open = true;
    target.scrollIntoView();
  };
  show(wanted() || (asked && asked.toLowerCase().startsWith("zh") ? "zh" : current()), false);
  unfold();
  addEventListener("hashchange", () => { const language = wanted(); if (language) show(language, false); unfold(); });

  // Paper has no folds.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((d) => { d.open = false; }));
})();
