#!/usr/bin/env bash
# The whole way on one photo: train, export, generate at three sizes, bench. `make demo` runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

photo=${1:-examples/chelsea.png}
out=${2:-demo}
mkdir -p "$out"
model="$out/model"

petsgan-sdk train "$photo" -o "$model.pt" --force
petsgan-sdk export "$model.pt" -o "$model.petsgan" --force
petsgan-sdk generate "$model.petsgan" -n 16 -o "$out/samples" --sheet "$out/samples.png" --force
python examples/contact_sheet.py "$photo" "$model.petsgan" "$out/sheet.png"
petsgan-sdk bench "$model.petsgan" --size 256x256 --size 512x512

echo
echo "look at: $out/samples.png (16 samples at the photo's size), $out/sheet.png (the photo, then three sizes),"
echo "$out/samples/ (the files); the model is $model.petsgan"
