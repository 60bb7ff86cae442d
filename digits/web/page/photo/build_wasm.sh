#!/bin/sh
# Builds convolution.wasm; needs clang and lld (apt-get install clang lld; built with version 14 of Debian 12).
cd "$(dirname "$0")" || exit 1
exec clang --target=wasm32 -O3 -msimd128 -nostdlib -ffreestanding -fno-math-errno \
    -Wl,--no-entry -Wl,--export=__heap_base -Wl,--strip-all -Wl,-z,stack-size=16384 \
    -o convolution.wasm convolution.c
