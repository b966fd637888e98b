#!/bin/sh
# Regenerates every assembly file of this package from _gen.
set -e
cd "$(dirname "$0")/_gen"
for k in ${*:-$(go run . -list)}; do
	go run . -kernel "$k" -pkg kernel -out "../${k}_amd64.s" -stubs "../${k}_stubs_amd64.go"
	gofmt -w "../${k}_stubs_amd64.go"
done
