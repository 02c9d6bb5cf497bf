#!/bin/sh
# On a list of names in a single-byte encoding, detectors of encodings choose one that makes other letters: charset-normalizer
# 3.5.3 reads Polish names in windows-1250 as windows-1252, chardet 7.7.0 reads Spanish names in windows-1252 as windows-1250.
# Both know only frequencies, for which names are too few. Ours compares the letters with alphabets and takes chardet's word
# where they don't decide: libs/chassis/src/licet_chassis/office/letters.py.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install -q --disable-pip-version-check 'chardet==7.7.0' 'charset-normalizer==3.5.3'
"$here/venv/bin/python" - <<'PY'
import chardet
from charset_normalizer import from_bytes

polish = "Nr;Name;Schein;Bis\n1;Łukasz Żak;AB1;2027-03-15\n2;Małgorzata Śliwińska;AB2;2027-03-15\n3;Jan Kowalski;AB3;2027-03-15\n4;Paweł Wójcik;C;2027-01-01\n"
among = ["cp1250", "cp1251", "cp1252", "mac_roman", "iso8859_2", "iso8859_15"]
best = from_bytes(polish.encode("cp1250"), cp_isolation=among).best()
print("charset-normalizer:", best.encoding, str(best).splitlines()[4])
assert str(best) != polish, "it is right now"
spanish = "Nr;Name\n1;José Muñoz\n2;Iñaki Peña\n3;María López\n"
found = chardet.detect(spanish.encode("cp1252"))["encoding"]
print("chardet:", found, spanish.encode("cp1252").decode(found).splitlines()[2])
assert spanish.encode("cp1252").decode(found) != spanish, "it is right now"
PY
