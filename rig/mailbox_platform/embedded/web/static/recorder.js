// Records an announcement with the microphone and puts it into the file field as a WAV file of
// 8 kHz, mono, 16 bit. Without this script, or without a microphone, the file field remains.
"use strict";
(() => {
  const RATE_HZ = 8000;
  const place = document.querySelector(".recorder");
  const field = document.querySelector("input[type=file]");
  if (!place || !field || !navigator.mediaDevices || !window.MediaRecorder) return;
  const button = place.querySelector("button");
  const status = place.querySelector("[role=status]");
  const words = place.dataset;
  let recorder = null;
  let timer = 0;

  const wav = (samples) => {
    const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
    const text = (at, value) => [...value].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
    text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
    view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
    view.setUint32(24, RATE_HZ, true); view.setUint32(28, 2 * RATE_HZ, true);
    view.setUint16(32, 2, true); view.setUint16(34, 16, true);
    text(36, "data"); view.setUint32(40, 2 * samples.length, true);
    samples.forEach((value, i) =>
      view.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, value))), true));
    return new File([view], "recording.wav", { type: "audio/wav" });
  };

  const keep = async (pieces) => {
    const decoder = new AudioContext();
    const heard = await decoder.decodeAudioData(await new Blob(pieces).arrayBuffer());
    await decoder.close();
    const mixer = new OfflineAudioContext(1, Math.ceil(heard.duration * RATE_HZ), RATE_HZ);
    const source = mixer.createBufferSource();
    source.buffer = heard;
    source.connect(mixer.destination);
    source.start();
    const files = new DataTransfer();
    files.items.add(wav((await mixer.startRendering()).getChannelData(0)));
    field.files = files.files;
    status.textContent = words.done;
  };

  const stop = () => { clearTimeout(timer); recorder.stop(); };
  const start = async () => {
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    const pieces = [];
    recorder = new MediaRecorder(microphone);
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = () => {
      microphone.getTracks().forEach((track) => track.stop());
      recorder = null;
      button.textContent = words.start;
      keep(pieces).catch(() => { status.textContent = words.refused; });
    };
    recorder.start();
    timer = setTimeout(stop, 1000 * (Number(words.mostS) - 1));
    button.textContent = words.stop;
    status.textContent = "";
  };
  button.textContent = words.start;
  button.onclick = () => recorder ? stop() : start().catch(() => { status.textContent = words.refused; });
  place.hidden = false;
})();
