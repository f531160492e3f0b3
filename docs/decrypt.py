#!/usr/bin/env python3
"""Opens an encrypted file of a Cadangkan backup, with nothing but Python and OpenSSL's library.

    python3 decrypt.py FILE (--passphrase-file FILE | --key-file FILE) [--manifest FILE] > PLAIN
"""
import argparse, base64, ctypes, ctypes.util, hashlib, hmac, io, json, re, shutil, struct, subprocess, sys

CHUNK = 64 << 10


def openssl():
    lib = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm", "EVP_aes_256_cbc", "EVP_KDF_fetch", "EVP_KDF_CTX_new"):
        if hasattr(lib, name):
            getattr(lib, name).restype = ctypes.c_void_p
    return lib


LIB = openssl()


def open_gcm(key, nonce, bound_to, sealed):
    """AES-256-GCM: the plain bytes, or None when anything is not what was sealed."""
    body, tag, count = sealed[:-16], sealed[-16:], ctypes.c_int()
    plain, context = ctypes.create_string_buffer(len(body) + 16), ctypes.c_void_p(LIB.EVP_CIPHER_CTX_new())
    try:
        LIB.EVP_DecryptInit_ex(context, ctypes.c_void_p(LIB.EVP_aes_256_gcm()), None, key, nonce)
        LIB.EVP_DecryptUpdate(context, None, ctypes.byref(count), bound_to, len(bound_to))
        LIB.EVP_DecryptUpdate(context, plain, ctypes.byref(count), body, len(body))
        LIB.EVP_CIPHER_CTX_ctrl(context, 0x11, 16, tag)
        good = LIB.EVP_DecryptFinal_ex(context, ctypes.create_string_buffer(16), ctypes.byref(count)) == 1
    finally:
        LIB.EVP_CIPHER_CTX_free(context)
    return plain.raw[:len(body)] if good else None


def open_cbc(secret, sealed):
    """AES-256-CBC, whose last block is filled."""
    count, last = ctypes.c_int(), ctypes.c_int()
    plain, context = ctypes.create_string_buffer(len(sealed) + 16), ctypes.c_void_p(LIB.EVP_CIPHER_CTX_new())
    try:
        LIB.EVP_DecryptInit_ex(context, ctypes.c_void_p(LIB.EVP_aes_256_cbc()), None, secret[:32], secret[32:])
        LIB.EVP_DecryptUpdate(context, plain, ctypes.byref(count), sealed, len(sealed))
        rest = ctypes.create_string_buffer(32)
        good = LIB.EVP_DecryptFinal_ex(context, rest, ctypes.byref(last)) == 1
    finally:
        LIB.EVP_CIPHER_CTX_free(context)
    return plain.raw[:count.value] + rest.raw[:last.value] if good else None


def hkdf(salt, secret, info):
    pseudorandom = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(pseudorandom, info + b"\x01", hashlib.sha256).digest()


def x25519(scalar, point):
    """RFC 7748, section 5."""
    p, k = 2**255 - 19, int.from_bytes(scalar, "little") & (2**254 - 8) | 2**254
    u = int.from_bytes(point, "little") % 2**255
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in range(254, -1, -1):
        swap = k >> bit & 1
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % p, b * b % p, d * a % p, c * b % p
        x3, z3 = (da + cb) ** 2 % p, u * (da - cb) ** 2 % p
        x2, z2 = aa * bb % p, (aa - bb) * (aa + 121665 * (aa - bb)) % p
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, p - 2, p) % p).to_bytes(32, "little")


def bech32(text):
    """The 32 bytes of an age key."""
    letters, value = "qpzry9x8gf2tvdw0s3jn54khce6mua7l", 0
    digits = text.lower().rsplit("1", 1)[1][:-6]
    for letter in digits:
        value = value << 5 | letters.index(letter)
    return (value >> len(digits) * 5 % 8).to_bytes(32, "big")


class Param(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("type", ctypes.c_uint), ("data", ctypes.c_void_p),
                ("size", ctypes.c_size_t), ("back", ctypes.c_size_t)]


def argon2id(passphrase, salt, memory, passes, lanes):
    if shutil.which("argon2"):
        command = ["argon2", salt, "-id", "-t", str(passes), "-k", str(memory), "-p", str(lanes), "-l", "32", "-r"]
        return bytes.fromhex(subprocess.run(command, input=passphrase, stdout=subprocess.PIPE, check=True).stdout.decode())
    try:
        from argon2.low_level import Type, hash_secret_raw
        return hash_secret_raw(passphrase, salt.encode(), passes, memory, lanes, 32, Type.ID)
    except ImportError:
        pass
    kdf = ctypes.c_void_p(LIB.EVP_KDF_fetch(None, b"ARGON2ID", None)) if hasattr(LIB, "EVP_KDF_fetch") else None
    if not kdf:
        sys.exit("Argon2id is missing here: install the program argon2, or the Python package argon2-cffi")
    context, key = ctypes.c_void_p(LIB.EVP_KDF_CTX_new(kdf)), ctypes.create_string_buffer(32)
    numbers = [(b"iter", passes), (b"memcost", memory), (b"lanes", lanes)]
    cells = [(name, 2, ctypes.c_uint32(number), 4) for name, number in numbers]
    cells += [(name, 5, ctypes.create_string_buffer(text, len(text)), len(text))
              for name, text in [(b"pass", passphrase), (b"salt", salt.encode())]]
    params = (Param * (len(cells) + 1))(
        *(Param(name, kind, ctypes.cast(ctypes.pointer(cell), ctypes.c_void_p), size, 0) for name, kind, cell, size in cells))
    if LIB.EVP_KDF_derive(context, key, ctypes.c_size_t(32), params) != 1:
        sys.exit("OpenSSL cannot compute Argon2id")
    return key.raw


def unwrap(wrap, passphrase, secrets):
    """The data key, or None when none of the secrets fits."""
    keys = []
    if wrap["kind"] == "passphrase" and passphrase is not None:
        if wrap["kdf"] == "argon2id":
            keys = [argon2id(passphrase, wrap["salt"], wrap["memory_kib"], wrap["passes"], wrap["lanes"])]
        else:
            keys = [hashlib.pbkdf2_hmac("sha256", passphrase, wrap["salt"].encode(), wrap["iterations"])]
    elif wrap["kind"] == "x25519":
        ephemeral, public = bech32(wrap["ephemeral"]), bech32(wrap["key"])
        keys = [hkdf(ephemeral + public, x25519(secret, ephemeral), b"cadangkan x25519") for secret in secrets]
    elif wrap["kind"] == "key-file":
        keys = [hkdf(b"", secret, b"cadangkan key file") for secret in secrets]
    sealed = base64.b64decode(wrap["sealed"])
    opened = (open_gcm(key, sealed[:12], b"cadangkan data key", sealed[12:]) for key in keys)
    return next((key for key in opened if key), None)


def secrets_of(text):
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in lines:
        if line.upper().startswith("AGE-SECRET-KEY-1"):
            yield bech32(line)
        else:
            yield bytes.fromhex(line) if re.fullmatch("[0-9a-fA-F]{64}", line) else base64.b64decode(line)


def role_of(name):
    """What the file is in its backup: its key depends on it."""
    if name.endswith(".index"):
        return b"index"
    side = re.search(r"\.(users\.sql|gtid)\.enc$", name)
    return b"side " + {"users.sql": b"users", "gtid": b"position"}[side.group(1)] if side else b"archive"


def open_sealed(file, data_key_of, role):
    """The plain bytes of a file in Cadangkan's own form, chunk by chunk; `data_key_of` is given its wraps."""
    start = file.read(20)
    if start[:16] != b"cadangkan-enc-1\n":
        sys.exit("not an encrypted file of Cadangkan")
    text = file.read(struct.unpack(">I", start[16:])[0])
    header_hash = hashlib.sha256(start + text).digest()
    if file.read(32) != header_hash:
        sys.exit("damaged: the header was changed")
    header = json.loads(text.decode())
    key = hkdf(base64.b64decode(header["salt"]), data_key_of(header["keys"]), b"cadangkan file " + role)
    number, chunk = 0, file.read(CHUNK + 16)
    while True:
        following = file.read(CHUNK + 16)
        nonce = b"\0\0\0" + struct.pack(">Q", number) + (b"\0" if following else b"\1")
        plain = open_gcm(key, nonce, header_hash, chunk)
        if plain is None:
            sys.exit("damaged: chunk %d was changed, or the file was cut" % number)
        yield plain
        if not following:
            break
        number, chunk = number + 1, following


def open_openssl(file, manifest, data_key_of, role):
    """A file in OpenSSL's form: read whole, and compared with what the manifest keeps sealed, before it is opened."""
    if manifest is None:
        sys.exit("give the manifest with --manifest: it tells whether this file was changed")
    data_key = data_key_of([])
    hidden = io.BytesIO(base64.b64decode(manifest["encryption"]["hidden"]))
    files = json.loads(b"".join(open_sealed(hidden, lambda wraps: data_key, b"manifest")).decode())["files"]
    known = next(known for known in files if known["role"].encode() == role)
    bytes_ = file.read()
    if "sha256:" + hashlib.sha256(bytes_).hexdigest() != known["checksum"]:
        sys.exit("damaged: the file is not the one that was written")
    return open_cbc(base64.b64decode(known["secret"]), bytes_[16:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--passphrase-file")
    parser.add_argument("--key-file")
    parser.add_argument("--manifest")
    wish = parser.parse_args()
    manifest = json.load(open(wish.manifest)) if wish.manifest else None
    passphrase = open(wish.passphrase_file, "rb").read().rstrip(b"\r\n") if wish.passphrase_file else None
    secrets = list(secrets_of(open(wish.key_file).read())) if wish.key_file else []

    def data_key_of(wraps):
        wraps = manifest["encryption"]["keys"] if manifest else wraps
        data_key = next((key for key in (unwrap(wrap, passphrase, secrets) for wrap in wraps) if key), None)
        return data_key or sys.exit("wrong passphrase or key")

    role = role_of(wish.file)
    with open(wish.file, "rb") as file:
        is_of_openssl = file.read(8) == b"Salted__"
        file.seek(0)
        if is_of_openssl:
            sys.stdout.buffer.write(open_openssl(file, manifest, data_key_of, role))
            return
        for plain in open_sealed(file, data_key_of, role):
            sys.stdout.buffer.write(plain)


main()
