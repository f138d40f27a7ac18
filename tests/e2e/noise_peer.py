#!/usr/bin/python3
"""A second implementation of PROTOCOL 3, on dissononce (Debian: python3-dissononce).

It dials a live node, completes the handshake, sends one ping and waits for its pong, closes in good
order and prints OK. It shares no code with the node, so both can only be wrong in different ways.

  noise_peer.py HOST PORT --responder HEX --community HEX --secret HEX
                (--psk0 HEX | --door NAME --door-secret HEX) [--psk3 HEX] [--payload FILE]

Exit: 0 done, 1 failed, 2 usage, 77 dissononce is not installed.
"""

import argparse
import hashlib
import os
import socket
import struct
import sys
import time

try:
    from dissononce.cipher.chachapoly import ChaChaPolyCipher
    from dissononce.dh.keypair import KeyPair
    from dissononce.dh.x25519.x25519 import X25519DH, PrivateKey, PublicKey
    from dissononce.hash.blake2b import Blake2bHash
    from dissononce.processing.handshakepatterns.handshakepattern import HandshakePattern
    from dissononce.processing.impl.cipherstate import CipherState
    from dissononce.processing.impl.handshakestate import HandshakeState
    from dissononce.processing.impl.symmetricstate import SymmetricState
except ImportError as missing:
    print(f"noise_peer: {missing}", file=sys.stderr)
    sys.exit(77)

CLASSES = (256, 1024, 4096, 16384, 65519)
CLOSE, PING, PONG = 0, 1, 2
TAG = 16
REKEY_RECORDS = 1024

# dissononce knows XK and its modifiers one at a time; this is both (Noise 9.4).
PATTERN = HandshakePattern(
    "XKpsk0+psk3",
    responder_pre_message_pattern=("s",),
    message_patterns=(("psk", "e", "es"), ("e", "ee"), ("s", "se", "psk")),
)


class Bad(Exception):
    pass


def door_psk0(door, community, secret):
    label = b"stoop/1 door " + door.encode()
    message = bytes([len(label)]) + label + community
    return hashlib.blake2b(message, key=secret, digest_size=32).digest()


def mac1(prologue, message, responder, psk0):
    key = hashlib.blake2b(b"stoop/1 mac1" + responder + psk0, digest_size=32).digest()
    return hashlib.blake2b(prologue + message, key=key, digest_size=16).digest()


def pad(head, data):
    """head, u16 length, data and zeros up to the next size class."""
    plain = head + struct.pack(">H", len(data)) + data
    return plain + bytes(min(c for c in CLASSES if c >= len(plain)) - len(plain))


def unpad(plain, head_len):
    length = struct.unpack_from(">H", plain, head_len)[0]
    data = plain[head_len + 2:head_len + 2 + length]
    if pad(plain[:head_len], data) != plain:
        raise Bad("padding is not as PROTOCOL 3.4 has it")
    return data


def read_exactly(link, length):
    got = b""
    while len(got) < length:
        more = link.recv(length - len(got))
        if not more:
            raise Bad(f"connection ended after {len(got)} of {length} bytes")
        got += more
    return got


def read_frame(link):
    return read_exactly(link, struct.unpack(">H", read_exactly(link, 2))[0])


def write_frame(link, body):
    link.sendall(struct.pack(">H", len(body)) + body)


def key_pair(secret):
    return X25519DH().generate_keypair(PrivateKey(secret))


def shake_hands(link, options):
    prologue = b"stoop" + bytes([1, 1]) + options.community
    noise = HandshakeState(
        SymmetricState(CipherState(ChaChaPolyCipher()), Blake2bHash()), X25519DH())
    noise.initialize(PATTERN, True, prologue, s=key_pair(options.secret),
                     rs=PublicKey(options.responder), psks=[options.psk0, options.psk3])

    message = bytearray()
    noise.write_message(struct.pack(">Q", int(time.time() * 1000)), message)
    message = bytes(message)
    write_frame(link, message + mac1(prologue, message, options.responder, options.psk0))

    answer = bytearray()
    noise.read_message(read_frame(link), answer)
    unpad(bytes(answer), 0)

    message = bytearray()
    ciphers = noise.write_message(pad(b"", options.payload), message)
    write_frame(link, bytes(message))
    return ciphers


def rekey(cipher):
    """PROTOCOL 3.5. Not dissononce's own, which keeps the tag in the key and sets the nonce back."""
    nonce = cipher._nonce
    if nonce % REKEY_RECORDS == 0:
        cipher.initialize_key(cipher.cipher.encrypt(cipher._key, 2**64 - 1, b"", bytes(32))[:32])
        cipher.set_nonce(nonce)


def send(link, cipher, kind, data):
    write_frame(link, cipher.encrypt_with_ad(b"", pad(bytes([kind]), data)))
    rekey(cipher)


def receive(link, cipher):
    sealed = read_frame(link)
    if len(sealed) - TAG not in CLASSES:
        raise Bad(f"a record of {len(sealed)} bytes is of no size class")
    plain = cipher.decrypt_with_ad(b"", sealed)
    rekey(cipher)
    return plain[0], unpad(plain, 1)


def wait_for_pong(link, cipher, expected):
    for _ in range(1000):  # a member node has more to say than the pong
        kind, data = receive(link, cipher)
        if kind == PONG:
            if data != expected:
                raise Bad(f"pong says {data.hex()}")
            return
        if kind == CLOSE:
            raise Bad("closed before the pong")
    raise Bad("no pong among 1000 records")


def hex_bytes(length):
    def read(text):
        value = bytes.fromhex(text)
        if length is not None and len(value) != length:
            raise argparse.ArgumentTypeError(f"{length} bytes wanted")
        return value
    return read


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--responder", type=hex_bytes(32), required=True)
    parser.add_argument("--community", type=hex_bytes(32), required=True)
    parser.add_argument("--secret", type=hex_bytes(32), default=os.urandom(32))
    parser.add_argument("--psk0", type=hex_bytes(32))
    parser.add_argument("--door", choices=("member", "join", "catch-up", "outsider", "delivery"))
    parser.add_argument("--door-secret", type=hex_bytes(None))
    parser.add_argument("--psk3", type=hex_bytes(32), default=bytes(32))
    parser.add_argument("--payload")
    options = parser.parse_args()
    if options.psk0 is None:
        if options.door is None or options.door_secret is None:
            parser.error("either --psk0, or --door and --door-secret")
        options.psk0 = door_psk0(options.door, options.community, options.door_secret)
    payload = b""
    if options.payload is not None:
        with open(options.payload, "rb") as file:
            payload = file.read()
    options.payload = payload
    return options


def main():
    options = read_options()
    with socket.create_connection((options.host, options.port), timeout=10) as link:
        sending, receiving = shake_hands(link, options)
        ping = b"\x08\x96\x01"  # field 1, nonce: 150
        send(link, sending, PING, ping)
        wait_for_pong(link, receiving, ping)
        send(link, sending, CLOSE, b"")
    print("OK")


if __name__ == "__main__":
    try:
        main()
    except Exception as failure:  # dissononce has no base class of its own for what may go wrong
        print(f"noise_peer: {type(failure).__name__}: {failure}", file=sys.stderr)
        sys.exit(1)
