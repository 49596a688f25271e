#!/bin/sh
# Builds the lamp board's firmware with Debian's gcc-avr: lampsense.elf to be run under simavr,
# lampsense.hex to be flashed; both hold the same program.
#   tools/build_firmware.sh [FOLDER]      default build/firmware
set -eu
cd "$(dirname "$0")/.."
out="${1:-build/firmware}"
for program in avr-gcc avr-objcopy avr-size; do
    command -v "$program" >/dev/null 2>&1 || {
        echo "$program is not installed; apt-get install gcc-avr avr-libc" >&2
        exit 3
    }
done
mkdir -p "$out"
avr-gcc -mmcu=atmega328p -DF_CPU=16000000UL -std=gnu99 -Os -g -flto -Wall -Wextra -Werror \
    rig/lamp/firmware/lampsense.c rig/lamp/firmware/lampsense_core.c -o "$out/lampsense.elf"
avr-objcopy -O ihex -R .eeprom "$out/lampsense.elf" "$out/lampsense.hex"
avr-size -C --mcu=atmega328p "$out/lampsense.elf" 2>/dev/null || avr-size "$out/lampsense.elf"
