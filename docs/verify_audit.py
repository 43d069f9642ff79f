#!/usr/bin/env python3
"""Tells whether an audit export of Curfew is whole, with nothing but Python 3.9 or later and the log's key.

An export is one line for each event, then {"checkpoint": "..."}. Lines are RFC 8785 JSON of integers, texts, lists and
maps; leaf_hash is the RFC 6962 hash of its line without it; the checkpoint is a C2SP signed note of the Merkle root.
KEY is what `curfew audit key` prints, or a file with it; a witness is an earlier checkpoint, or an earlier export.
Exit: 0 whole, 1 not, 2 wrong use. Written apart from `curfew audit verify`, so that you need not believe only one.
"""
import argparse, base64, datetime, functools, hashlib, json, os, re, sys

LINE_BYTES, NOTE_BYTES, NESTING, LARGEST = 16 << 20, 128 * 1024, 64, 2**53 - 1
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519: RFC 8032, section 5.1
D, ROOT_OF_MINUS_1, BASE = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P), b"\x58" + b"\x66" * 31
TEXT = json.JSONEncoder(ensure_ascii=False).encode  # of a text or integer it writes what RFC 8785 asks for

def check(condition, message):
    if not condition:
        raise ValueError(message)
def sha256(data):
    return hashlib.sha256(data).digest()
def unbase64(text):  # compared, because b64decode takes several spellings of the same bytes
    data = base64.b64decode(text, validate=True)
    check(base64.b64encode(data).decode() == text, "not base64 as RFC 4648 writes it")
    return data

def add(p, q):  # points as (X, Y, Z, T): RFC 8032, section 5.1.4
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P
def multiply(n, p):
    result = (0, 1, 1, 0)
    while n:
        result, p, n = add(result, p) if n & 1 else result, add(p, p), n >> 1
    return result
def point(data):  # refuses what is not reduced, not on the curve, or of small order
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    x = x if v * x * x % P == u else x * ROOT_OF_MINUS_1 % P
    x = x if x & 1 == sign else P - x
    check(y < P and v * x * x % P == u and multiply(8, (x, y, 1, x * y % P))[0], "not a point for signing")
    return x, y, 1, x * y % P
def is_signed(public, message, signature):  # RFC 8032, section 5.1.7, without the cofactor
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    check(len(signature) == 64 and s < L, "the signature of the checkpoint is malformed")
    k = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % L
    left, right = multiply(s, point(BASE)), add(point(r), multiply(k, point(public)))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))

def read_key(text):  # https://c2sp.org/signed-note
    parts = re.fullmatch(r"([!-*,-~]{1,128})\+([0-9a-f]{8})\+([0-9A-Za-z+/]{44})", text)
    check(parts, "KEY should be what `curfew audit key` prints")
    name, key, key_id = parts[1], unbase64(parts[3]), bytes.fromhex(parts[2])
    check(key[0] == 1 and sha256(name.encode() + b"\n" + key)[:4] == key_id and point(key[1:]), "KEY has another's id")
    return name, key_id, key[1:]
def verify_note(note, key):  # the size, root and time in a checkpoint: https://c2sp.org/tlog-checkpoint
    (name, key_id, public), b64 = key, "[0-9A-Za-z+/]{7,}=*"
    body = rf"({re.escape(name)}\n(0|[1-9][0-9]{{,15}})\n({b64})\n(?:at ([-0-9]{{10}}T[0-9:]{{8}}\.[0-9]{{3}}Z)\n)?)"
    parts = re.fullmatch(rf"{body}\n((?:\u2014 [^\s+\0-\x1f]+ {b64}\n){{1,16}})", note)
    check(parts and len(note.encode()) <= NOTE_BYTES, f"not a checkpoint of {name}")
    signed = [(signer, unbase64(data)) for _, signer, data in map(str.split, parts[5].split("\n")[:-1])]
    ours = [data[4:] for signer, data in signed if (signer, data[:4]) == (name, key_id)]
    check(len(ours) == 1, f"the checkpoint is not signed by the key {name}")
    check(is_signed(public, parts[1].encode(), ours[0]), "the signature of the checkpoint is wrong")
    at = f", signed {parts[4]}" if parts[4] and datetime.datetime.fromisoformat(parts[4][:-1]) else ""
    return int(parts[2]), unbase64(parts[3]), at
def canonical(value, level=1):  # RFC 8785, of integers, texts, lists and maps
    if type(value) is str or type(value) is int and abs(value) <= LARGEST:
        return TEXT(value)
    check(type(value) in (dict, list) and level <= NESTING, "it holds what has no place in evidence")
    if type(value) is list:
        return "[" + ",".join(canonical(item, level + 1) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))  # section 3.2.3
    return "{" + ",".join(f"{canonical(key)}:{canonical(value[key], level + 1)}" for key in keys) + "}"
def read_line(line):  # the fields; and the note, if it is the line of a checkpoint
    check(line.endswith(b"\n") and len(line) <= LINE_BYTES, "it does not end with a newline, or is too long")
    fields = json.loads(line[:-1].decode(), parse_int=lambda digits: int(digits[:20]))
    check(type(fields) is dict, "it is not a JSON object")  # a key that stands twice is written once below
    check(canonical(fields).encode() + b"\n" == line, "it is not spelled canonically (RFC 8785)")
    return fields, fields["checkpoint"] if [*fields] == ["checkpoint"] and type(fields["checkpoint"]) is str else None
def read_witness(data, key):  # one signed note, or lines, of which those of events are passed over
    lines = [*map(read_line, data.splitlines(True))] if data.startswith(b"{") else [({}, data.decode())]
    notes = [note for fields, note in lines if note is not None or "leaf_hash" not in fields]
    check(notes and None not in notes, "a line of the witness is neither checkpoint nor event, or none is one")
    return [verify_note(note, key) for note in notes]
def root_of(peaks):  # RFC 6962, section 2.1
    return functools.reduce(lambda right, left: sha256(b"\1" + left + right), reversed(peaks)) if peaks else sha256(b"")
def verify(file, key, witnesses, at_least):  # the verdict on what is whole; the rest raises
    peaks, size, checkpoint, number = [], 0, None, 0
    for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES + 1), b""), 1):
        try:
            check(checkpoint is None, "nothing may follow the checkpoint")
            fields, note = read_line(line)
            check(all(seen != size or root == root_of(peaks) for seen, root, _ in witnesses), "rewritten: a witness differs")
            if note is not None:
                checkpoint = verify_note(note, key)
                check(checkpoint[:2] == (size, root_of(peaks)), f"the checkpoint is not of these {size} events")
                continue
            claimed, node, bits = fields.pop("leaf_hash", None), sha256(b"\0" + canonical(fields).encode()), size
            check(claimed == node.hex() and fields.get("seq") == size, f"it is not event {size}, or was changed")
            while bits & 1:
                node, bits = sha256(b"\1" + peaks.pop() + node), bits >> 1
            peaks, size = peaks + [node], size + 1
        except (ValueError, RecursionError) as why:
            raise ValueError(f"line {number}: {why}")
    check(checkpoint, f"line {number + 1}: the file ends without a checkpoint")
    known = max([seen for seen, _, _ in witnesses] + [-1 if at_least is None else at_least])
    check(size >= known, f"truncated: there were {known} events, here are {size}")
    truncation = "truncation not excluded" if known < 0 else f"truncation excluded up to {known} events"
    return f"whole: {size} events, root hash {checkpoint[1].hex()}{checkpoint[2]}; {truncation}"

def main():
    parser = argparse.ArgumentParser(description="Tells whether an audit export of Curfew is whole.")
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("--witness", metavar="FILE", action="append", default=[])
    parser.add_argument("--at-least", metavar="SIZE", type=lambda text: check(text.isdecimal(), text) or int(text))
    args = parser.parse_args()
    try:
        key = read_key(open(args.key).read().rstrip("\r\n") if os.path.isfile(args.key) else args.key)
        file, seen = open(args.file, "rb"), [open(name, "rb").read() for name in args.witness]
    except (ValueError, OSError) as why:
        parser.error(str(why))
    try:
        print(verify(file, key, [checkpoint for data in seen for checkpoint in read_witness(data, key)], args.at_least))
    except (ValueError, RecursionError) as why:
        sys.exit(f"not whole: {why}")

if __name__ == "__main__":
    main()
