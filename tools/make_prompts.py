"""Makes the recordings of the prompts from their texts, with espeak-ng; --check only compares.

Texts and voice: ``rig/media/prompt_audio/<language>.yaml``. For each prompt a WAV file (A-law,
8 kHz) with the prompt's identifier, a short pause and the words, and ``digests.yaml`` with one
digest of the text and voice, and one of the file. A file whose text and voice are unchanged is not
made again, so another version of espeak-ng changes nothing by itself.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
import tempfile
import wave
from array import array
from collections.abc import Sequence
from operator import mul
from pathlib import Path

import yaml

from rig.media.g711 import SAMPLE_RATE_HZ, Law, encode
from rig.media.prompt import identifier_pcm
from rig.media.prompt_texts import (
    PromptTexts,
    digest_of_file,
    digest_of_text,
    load_digests,
    load_texts,
    prompt_folder,
    spoken_languages,
)
from rig.media.wav import law_to_wav

PAUSE_S = 0.08
PEAK = 20000
RMS = 2600
QUIET = 120
TAPS = 24


def speak(texts: PromptTexts, text: str) -> tuple[array[int], int]:
    """Let espeak-ng say a text; gives samples and their rate."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(
            [
                shutil.which("espeak-ng") or "espeak-ng",
                "-v",
                texts.espeak_voice,
                "-s",
                str(texts.words_per_minute),
                "-p",
                str(texts.pitch),
                "-w",
                str(path),
                "--",
                text,
            ],
            check=True,
            timeout=60,
        )
        with wave.open(str(path)) as said:
            samples = array("h", said.readframes(said.getnframes()))
            rate = said.getframerate()
    if sys.byteorder == "big":
        samples.byteswap()
    return samples, rate


def resampled(samples: Sequence[int], rate: int) -> list[float]:
    """Bring samples to 8 kHz: a windowed sinc that ends a little below 4 kHz."""
    step = rate / SAMPLE_RATE_HZ
    cut = 0.92 / step
    half = math.ceil(TAPS * step)
    padded = [0] * half + list(samples) + [0] * (half + 1)
    kernels: dict[int, list[float]] = {}
    found = []
    for index in range(int(len(samples) / step)):
        place = index * step
        whole = int(place)
        part = round((place - whole) * 64)
        kernel = kernels.get(part)
        if kernel is None:
            kernel = kernels[part] = _kernel(part / 64, cut, half)
        found.append(sum(map(mul, kernel, padded[whole : whole + 2 * half + 1])))
    return found


def _kernel(part: float, cut: float, half: int) -> list[float]:
    values = []
    for tap in range(-half, half + 1):
        at = tap - part
        sinc = cut if not at else math.sin(math.pi * cut * at) / (math.pi * at)
        values.append(sinc * (0.5 + 0.5 * math.cos(math.pi * at / (half + 1))))
    total = sum(values)
    return [value / total for value in values]


def levelled(samples: Sequence[float]) -> bytes:
    """Cut silence off both ends, and bring every prompt to the same loudness without clipping."""
    loud = [index for index, sample in enumerate(samples) if abs(sample) > QUIET]
    kept = samples[max(0, loud[0] - 80) : loud[-1] + 400]
    rms = math.sqrt(sum(sample * sample for sample in kept) / len(kept))
    gain = min(RMS / rms, PEAK / max(map(abs, kept)))
    return array("h", [round(gain * sample) for sample in kept]).tobytes()


def make(language: str) -> int:
    """Make what is missing or changed; gives back how many files."""
    texts, known = load_texts(language), load_digests(language)
    folder = prompt_folder() / language
    folder.mkdir(exist_ok=True)
    made, digests = 0, {}
    for prompt, text in texts.texts.items():
        path = folder / f"{prompt}.wav"
        wanted = digest_of_text(texts, text)
        kept = known.get(prompt)
        whole = kept is not None and path.is_file() and digest_of_file(path) == kept["file"]
        if kept is None or kept["text"] != wanted or not whole:
            words = levelled(resampled(*speak(texts, text)))
            pause = bytes(2 * round(PAUSE_S * SAMPLE_RATE_HZ))
            pcm = identifier_pcm(prompt) + pause + words
            path.write_bytes(law_to_wav(encode(pcm, Law.ALAW), Law.ALAW))
            made += 1
        digests[prompt] = {"text": wanted, "file": digest_of_file(path)}
    for path in folder.glob("*.wav"):
        if path.stem not in texts.texts:
            path.unlink()
    head = "# Made by tools/make_prompts.py; do not edit.\n"
    (prompt_folder() / language / "digests.yaml").write_text(
        head + yaml.safe_dump(digests, sort_keys=True), "utf-8"
    )
    return made


def stale(language: str) -> list[str]:
    """Prompts whose recording is not what the text says."""
    texts, known = load_texts(language), load_digests(language)
    folder = prompt_folder() / language
    return [
        prompt
        for prompt, text in texts.texts.items()
        if prompt not in known
        or known[prompt]["text"] != digest_of_text(texts, text)
        or not (folder / f"{prompt}.wav").is_file()
        or known[prompt]["file"] != digest_of_file(folder / f"{prompt}.wav")
    ]


def main() -> int:
    """Make or check all languages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; 1 when stale")
    if parser.parse_args().check:
        found = [
            f"{language}: {prompt}"
            for language in spoken_languages()
            for prompt in stale(language)
        ]
        print("\n".join(found) or "every recording says what its text says")
        return 1 if found else 0
    if shutil.which("espeak-ng") is None:
        print("espeak-ng is not installed; apt-get install espeak-ng", file=sys.stderr)
        return 3
    for language in spoken_languages():
        print(f"{language}: {make(language)} made")
    return 0


if __name__ == "__main__":
    sys.exit(main())
