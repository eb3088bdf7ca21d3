#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Print tests/golden/noise_vectors.h: a whole WireGuard handshake with fixed keys.

A second implementation, slow and from the specifications alone: the Noise specification (revision
34), RFC 7748, RFC 8439, draft-irtf-cfrg-xchacha and the WireGuard paper. It shares nothing with the
C code but the hash function's name. Before it prints anything it must reproduce published vectors;
the handshake's is Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s of the cacophony set.
"""
import hashlib
import hmac
import struct

# --- X25519, RFC 7748 ------------------------------------------------------------------------------
P = 2**255 - 19


def x25519(scalar, point):
    k = bytearray(scalar)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    u = int.from_bytes(point, "little") % 2**255
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public(private):
    return x25519(private, bytes([9]) + bytes(31))


# --- ChaCha20-Poly1305, RFC 8439, and XChaCha20 ----------------------------------------------------
def rotate(v, n):
    return (v << n | v >> 32 - n) & 0xFFFFFFFF


def chacha_rounds(key, tail):
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + tail))
    s = start[:]
    quarters = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for a, b, c, d in quarters * 10:
        for i, j, k, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[i] = (s[i] + s[j]) & 0xFFFFFFFF
            s[k] = rotate(s[k] ^ s[i], n)
    return start, s


def chacha_block(key, counter, nonce):
    start, s = chacha_rounds(key, struct.pack("<I", counter) + nonce)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(start, s)))


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    acc = 0
    for i in range(0, len(data), 16):
        acc = (acc + int.from_bytes(data[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((acc + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def seal(key, nonce, plain, ad):
    stream = b"".join(chacha_block(key, 1 + i, nonce) for i in range(len(plain) // 64 + 1))
    sealed = bytes(a ^ b for a, b in zip(plain, stream))
    data = b"".join(part + bytes(-len(part) % 16) for part in (ad, sealed))
    data += struct.pack("<QQ", len(ad), len(sealed))
    return sealed + poly1305(chacha_block(key, 0, nonce)[:32], data)


def xseal(key, nonce, plain, ad):
    _, s = chacha_rounds(key, nonce[:16])
    subkey = struct.pack("<8I", *(s[:4] + s[12:]))
    return seal(subkey, bytes(4) + nonce[16:], plain, ad)


# --- Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s ---------------------------------------------------------
def blake2s(data):
    return hashlib.blake2s(data).digest()


def hkdf(chain, data, count):
    temp = hmac.digest(chain, data, "blake2s")
    outs = [b""]
    for i in range(1, count + 1):
        outs.append(hmac.digest(temp, outs[-1] + bytes([i]), "blake2s"))
    return outs[1:]


class Symmetric:
    """The SymmetricState with its CipherState, of the side that sends."""

    def __init__(self, name, prologue):
        self.hash = blake2s(name)  # the name is longer than a hash
        self.chain = self.hash
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.hash = blake2s(self.hash + data)

    def mix_key(self, data):
        self.chain, self.key = hkdf(self.chain, data, 2)
        self.n = 0

    def mix_key_and_hash(self, data):
        self.chain, temp, self.key = hkdf(self.chain, data, 3)
        self.mix_hash(temp)
        self.n = 0

    def encrypt_and_hash(self, plain):
        sealed = seal(self.key, bytes(4) + struct.pack("<Q", self.n), plain, self.hash)
        self.n += 1
        self.mix_hash(sealed)
        return sealed


def handshake(prologue, si, ei, sr, er, psk, payload1, payload2):
    """Both messages, the final hash, and the keys for initiator to responder and back."""
    state = Symmetric(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s", prologue)
    state.mix_hash(public(sr))

    state.mix_hash(public(ei))
    state.mix_key(public(ei))
    state.mix_key(x25519(ei, public(sr)))
    message1 = public(ei) + state.encrypt_and_hash(public(si))
    state.mix_key(x25519(si, public(sr)))
    message1 += state.encrypt_and_hash(payload1)

    state.mix_hash(public(er))
    state.mix_key(public(er))
    state.mix_key(x25519(er, public(ei)))
    state.mix_key(x25519(er, public(si)))
    state.mix_key_and_hash(psk)
    message2 = public(er) + state.encrypt_and_hash(payload2)
    return message1, message2, state.hash, hkdf(state.chain, b"", 2)


# --- published vectors -----------------------------------------------------------------------------
SI = bytes.fromhex("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1")
EI = bytes.fromhex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a")
SR = bytes.fromhex("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893")
ER = bytes.fromhex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b")
PSK = b"This is my Austrian perspective!"


def prove_handshake():
    message1, message2, final, (key1, key2) = handshake(
        b"John Galt", SI, EI, SR, ER, PSK, b"Ludwig von Mises", b"Murray Rothbard")
    assert message1.hex() == (
        "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
        "001e21de9f98ddd8e2ad57527207feb56253c9c94a9e496782ecfcb2a75fbcaf"
        "1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985"
        "464cf17e51ee93109008399a21f7e13f")
    assert message2.hex() == (
        "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
        "cb765f2caef0751b8f007572dab0322217755c0632f365717edbf34d33e87a")
    assert final.hex() == "f5191b875290abcd41347ac3622d9679688a7e980229cb937ef748336cfde0e5"
    assert seal(key1, bytes(12), b"F. A. Hayek", b"").hex() == (
        "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7")
    assert seal(key2, bytes(12), b"Carl Menger", b"").hex() == (
        "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef")


def prove_xchacha():  # draft-irtf-cfrg-xchacha-03, A.3.1
    sunscreen = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip "
                 b"for the future, sunscreen would be it.")
    sealed = xseal(bytes(range(0x80, 0xA0)), bytes(range(0x40, 0x58)), sunscreen,
                   bytes.fromhex("50515253c0c1c2c3c4c5c6c7"))
    assert sealed[:16].hex() == "bd6d179d3e83d43b9576579493c0e939"
    assert sealed[-16:].hex() == "c0875924c1c7987947deafd8780acf49"


# --- our handshake ---------------------------------------------------------------------------------
def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def vectors():
    timestamp = bytes.fromhex("400000006553f10a2a000000")
    initiator, responder = 0x11223344, 0xCAFEF00D
    secret, nonce = bytes(range(32)), bytes(range(100, 124))
    source = bytes.fromhex("c0000201ca6c")  # 192.0.2.1 and a port

    noise1, noise2, _, (key1, key2) = handshake(
        b"WireGuard v1 zx2c4 Jason@zx2c4.com", SI, EI, SR, ER, PSK, timestamp, b"")

    bare1 = struct.pack("<II", 1, initiator) + noise1
    mac1 = mac(blake2s(b"mac1----" + public(SR)), bare1)
    cookie = mac(secret, source)
    reply = struct.pack("<II", 3, initiator) + nonce + xseal(
        blake2s(b"cookie--" + public(SR)), nonce, cookie, mac1)
    bare2 = struct.pack("<III", 2, responder, initiator) + noise2

    return {
        "initiator_private": SI, "initiator_public": public(SI), "initiator_ephemeral": EI,
        "responder_private": SR, "responder_public": public(SR), "responder_ephemeral": ER,
        "preshared_key": PSK, "timestamp": timestamp,
        "initiator_index": struct.pack("<I", initiator),
        "responder_index": struct.pack("<I", responder),
        "initiation": bare1 + mac1 + bytes(16),
        "response": bare2 + mac(blake2s(b"mac1----" + public(SI)), bare2) + bytes(16),
        "initiator_send": key1, "initiator_receive": key2,
        "cookie_secret": secret, "cookie_source": source, "cookie_nonce": nonce,
        "cookie_reply": reply,
        "initiation_with_cookie": bare1 + mac1 + mac(cookie, bare1 + mac1),
    }


def main():
    prove_handshake()
    prove_xchacha()
    print("/* SPDX-License-Identifier: GPL-2.0-or-later */")
    print("/* Made by noise_vectors.py; do not edit. */")
    print("#ifndef TESTS_GOLDEN_NOISE_VECTORS_H\n#define TESTS_GOLDEN_NOISE_VECTORS_H\n")
    print("#include <stdint.h>\n")
    print("/* clang-format off */")
    for name, value in vectors().items():
        print(f"static const uint8_t golden_{name}[{len(value)}] = {{")
        for i in range(0, len(value), 16):
            print("\t" + " ".join(f"0x{b:02x}," for b in value[i:i + 16]))
        print("};")
    print("\n#endif")


main()
