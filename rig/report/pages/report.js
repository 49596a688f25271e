// Zoom for the ladders. Without script the page is whole; this only makes wide ladders handier.
"use strict";
for (const box of document.querySelectorAll(".zoomable")) {
  const svg = box.querySelector("svg");
  const words = document.body.dataset;
  const width = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height;
  let scale = 1;
  const set = (wanted, x = box.clientWidth / 2, y = box.clientHeight / 2) => {
    const next = Math.min(4, Math.max(0.2, wanted));
    const left = (box.scrollLeft + x) / scale, top = (box.scrollTop + y) / scale;
    scale = next;
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    box.classList.toggle("zoomed", scale > 1);
    box.scrollLeft = left * scale - x;
    box.scrollTop = top * scale - y;
    level.textContent = Math.round(scale * 100) + " %";
  };
  const bar = document.createElement("div");
  bar.className = "zoombar";
  const level = document.createElement("output");
  const button = (text, label, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.title = label;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    bar.append(made);
  };
  button("−", words.zoomOut, () => set(scale / 1.25));
  button("+", words.zoomIn, () => set(scale * 1.25));
  button("↔", words.zoomFit, () => set(box.clientWidth / width, 0));
  button("1:1", words.zoomFull, () => set(1, 0));
  bar.append(level);
  const find = document.createElement("input");
  find.type = "search";
  find.placeholder = words.find + " …";
  find.setAttribute("aria-label", words.find);
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const row of svg.querySelectorAll("a, .fetch, .rtp, .edge, .remark"))
      row.classList.toggle("faded", wanted !== "" && !row.textContent.toLowerCase().includes(wanted));
  });
  bar.append(find);
  box.before(bar);
  level.textContent = "100 %";
  box.addEventListener("wheel", event => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const at = box.getBoundingClientRect();
    set(scale * Math.exp(-event.deltaY / 300), event.clientX - at.left, event.clientY - at.top);
  }, { passive: false });
  box.addEventListener("keydown", event => {
    const by = { "+": 1.25, "=": 1.25, "-": 0.8 }[event.key];
    if (by) { event.preventDefault(); set(scale * by); }
    if (event.key === "0") { event.preventDefault(); set(1, 0); }
  });
}
