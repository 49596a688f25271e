// Keeps every lamp on the page as its phone is told. Without this script the page shows the
// state at its making.
"use strict";
(() => {
  const lamps = [...document.querySelectorAll("[data-lamp]")];
  if (lamps.length === 0) return;
  const show = (lamp, state, text) => {
    const words = lamp.querySelector(".words");
    lamp.dataset.state = state;
    if (words.textContent !== text) words.textContent = text;
  };
  const source = new EventSource("/lamps");
  source.onmessage = (event) => {
    const states = JSON.parse(event.data);
    for (const lamp of lamps) {
      const state = states[lamp.dataset.lamp];
      if (state) show(lamp, state.on ? "on" : "off", state.text);
    }
  };
  // Who cannot see says so: a lamp that was lost is not off.
  source.onerror = () => lamps.forEach((lamp) => show(lamp, "unknown", lamp.dataset.lost));
})();
