"use strict";
// The list: every entry stands in the JSON above, and only those that are looked at are in the page. Values are set as
// text, never as markup.
(() => {
  const { groups, entries } = JSON.parse(document.getElementById("data").textContent);
  const page = 100; // entries at a time
  const $ = (id) => document.getElementById(id);
  const rows = $("rows"), filter = $("filter"), more = $("more"), buttons = [...$("groups").children];
  let matching = entries, shown = 0, group = -1;

  const element = (name, text, kind) => {
    const e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    if (kind) e.className = kind;
    return e;
  };
  const number = (n) => n.toLocaleString("en");

  const value = (text) => text === "" ? element("bdi", "(empty)", "empty") : element("bdi", text);
  const marked = (name, text) => {
    const e = element(name);
    e.append(value(text));
    return e;
  };
  const field = ([name, before, after]) => {
    const e = element("div", undefined, "field");
    e.append(element("span", name + ": "));
    if (before !== null) e.append(marked("del", before));
    if (before !== null && after !== null) e.append(" → ");
    if (after !== null) e.append(marked("ins", after));
    return e;
  };
  const row = (entry) => {
    const tr = element("tr");
    const id = element("td"), what = element("td"), where = element("td");
    if (entry.i) id.append(element("bdi", entry.i));
    if (entry.a) id.append(element("small", "account " + entry.a));
    if (entry.p) where.append(element("bdi", entry.p));
    if (entry.d) what.append(element("bdi", entry.d));
    for (const f of entry.f || []) what.append(field(f));
    tr.append(element("td", groups[entry.g].name, groups[entry.g].class), id, where, what, element("td", entry.w));
    return tr;
  };

  // What an entry is searched by; made when it is first needed.
  const words = (entry) => entry.words ??= [
    groups[entry.g].name, entry.i, entry.a, entry.p, entry.d, entry.w, ...(entry.f || []).map(([name, ...v]) => name + ": " + v.join(" "))
  ].join("\n").toLowerCase();

  const showMore = () => {
    rows.append(...matching.slice(shown, shown + page).map(row));
    shown = Math.min(shown + page, matching.length);
    more.hidden = shown === matching.length;
    more.textContent = `Show more (${number(shown)} of ${number(matching.length)})`;
  };
  const show = () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    matching = entries.filter((e) => (group < 0 || e.g === group) && wanted.every((word) => words(e).includes(word)));
    rows.replaceChildren();
    shown = 0;
    showMore();
    $("matches").textContent = matching.length === entries.length ? "" : `${number(matching.length)} of ${number(entries.length)}`;
  };

  for (const button of buttons) {
    button.disabled = false;
    button.addEventListener("click", () => {
      const chosen = Number(button.dataset.group);
      group = chosen === group ? -1 : chosen;
      for (const other of buttons) other.setAttribute("aria-pressed", Number(other.dataset.group) === group);
      show();
    });
  }
  filter.disabled = false;
  filter.addEventListener("input", show);
  more.addEventListener("click", showMore);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
      filter.select();
    }
    if (event.key === "Escape" && (filter.value || document.activeElement === filter)) {
      filter.value = "";
      filter.blur();
      show();
    }
  });
  new IntersectionObserver((seen) => {
    if (seen.some((s) => s.isIntersecting) && !more.hidden) showMore();
  }, { rootMargin: "600px" }).observe(more);
  $("script").remove();
  show();
})();
