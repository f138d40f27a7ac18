"""A home of another make: PROTOCOL 2 to 5 in Python on PyNaCl, protobuf and noise_peer.py's dissononce. It shares no
code with ours, and knows of a community what an invite's text says.

Used by the end-to-end tests that hold a live node against another implementation, or against its abuse.
"""
import base64
import hashlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import types

try:
    import dissononce  # noqa: F401
except ImportError:  # Debian's modules are for Debian's python
    if sys.executable == "/usr/bin/python3":
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
from nacl.public import PrivateKey
from nacl.signing import SigningKey, VerifyKey

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import noise_peer  # noqa: E402

DAY_MS = 24 * 3600 * 1000
GOSSIP, NEIGHBOUR, SYNC, JOIN_ASK, JOIN_MEMBER, JOIN_WELCOME = 10, 14, 20, 50, 51, 52

def schemas(root):
    """The messages of proto/*.proto, by protoc and python3-protobuf."""
    subprocess.run(["protoc", f"--proto_path={ROOT}", f"--python_out={root}", "proto/object.proto", "proto/link.proto"],
                   check=True)
    sys.path.insert(0, str(root))
    from proto import link_pb2, object_pb2
    return object_pb2, link_pb2


def sign(pb, kind, body, *keys):
    """PROTOCOL 2.1."""
    media = f"application/vnd.stoop.{kind}.v1+protobuf"
    pae = b"DSSEv1 %d %s %d %s" % (len(media), media.encode(), len(body), body)
    signed = pb.Signed(type=media, body=body)
    for key in keys:
        signed.signatures.add(key=bytes(key.verify_key), signature=key.sign(pae).signature)
    return signed


def check_signatures(signed, *wanted):
    pae = b"DSSEv1 %d %s %d %s" % (len(signed.type), signed.type.encode(), len(signed.body), signed.body)
    for signature in signed.signatures:
        VerifyKey(signature.key).verify(pae, signature.signature)
    for key in wanted:
        assert key in [signature.key for signature in signed.signatures], "a signature is missing"


def labelled(label, key, message, size=32):
    return hashlib.blake2b(bytes([len(label)]) + label + message, key=key, digest_size=size).digest()


def read_code(pb, text):
    """PROTOCOL 4.4: all that a joiner has."""
    raw = base64.urlsafe_b64decode(text.removeprefix("stoop1:") + "=" * (-len(text.removeprefix("stoop1:")) % 4))
    assert labelled(b"stoop invite code v1", b"", raw[:-4], 16)[:4] == raw[-4:]
    code = types.SimpleNamespace(community=raw[:32], sponsor=raw[32:64], transport=raw[64:96], owner=raw[96:128],
                                 signature=raw[128:192], created=int.from_bytes(raw[192:200], "big"),
                                 expires=int.from_bytes(raw[200:208], "big"), secret=raw[208:224], role=raw[224],
                                 allowance=raw[225])
    length = raw[227]
    code.address = raw[228:228 + length].decode()
    code.key = SigningKey(labelled(b"stoop invite key v1", code.secret, b""))
    invite = pb.Invite(head=pb.Head(community=code.community, author=code.sponsor, created=code.created,
                                    expires=code.expires), key=bytes(code.key.verify_key), role=code.role,
                       invite_allowance=code.allowance)
    code.invite = sign(pb, "invite", invite.SerializeToString(deterministic=True))
    code.invite.signatures.add(key=code.owner, signature=code.signature)
    check_signatures(code.invite, code.owner)
    return code


class HalfWay:
    def __init__(self, link, call):
        self.link, self.call = link, call

    def sendall(self, data):
        self.link.sendall(data)

    def recv(self, length):
        data = self.link.recv(length)
        if self.call and data:
            self.call()
            self.call = None
        return data


class Peer:
    """One home of another make: keys, and links through noise_peer.py."""

    def __init__(self, pb, link_pb):
        self.pb, self.link_pb = pb, link_pb
        self.node, self.log, self.owner = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()
        self.static, self.owner_box = PrivateKey.generate(), PrivateKey.generate()
        self.members = {}
        self.asked = None

    def dial(self, code, door, secret, payload=b"", half_way=None):
        """`half_way` is called when our first message has been answered and our second is not yet sent."""
        host, port = code.address.rsplit(":", 1)
        options = types.SimpleNamespace(community=code.community, responder=code.transport, psk3=bytes(32),
                                        secret=bytes(self.static), payload=payload,
                                        psk0=noise_peer.door_psk0(door, code.community, secret))
        link = socket.create_connection((host, int(port)), timeout=20)
        sending, receiving = noise_peer.shake_hands(HalfWay(link, half_way) if half_way else link, options)
        return types.SimpleNamespace(send=lambda kind, message: noise_peer.send(link, sending, kind, message),
                                     receive=lambda: noise_peer.receive(link, receiving), close=link.close,
                                     settimeout=link.settimeout, send_raw=link.sendall,
                                     receive_raw=lambda: link.recv(4096))

    def certificate(self, code, lives_ms):
        pb, now = self.pb, int(time.time() * 1000)
        member = pb.Member(head=pb.Head(community=code.community, author=code.sponsor, created=now,
                                        expires=now + lives_ms), name="Python's home", role=code.role,
                           node=bytes(self.node.verify_key), log=bytes(self.log.verify_key),
                           transport=bytes(self.static.public_key),
                           owners=[bytes(self.owner.verify_key) + bytes(self.owner_box.public_key)],
                           owner_names=["Guido"], invite_allowance=code.allowance,
                           invite=code.invite.SerializeToString(deterministic=True))
        return sign(pb, "member", member.SerializeToString(deterministic=True), code.key, self.owner, self.node)

    def join(self, code, lives_ms=300 * DAY_MS):
        """PROTOCOL 4.5: the community as the sponsor gives it, checked before it is believed."""
        asked = self.asked = self.asked or self.certificate(code, lives_ms)
        link = self.dial(code, "join", code.secret)
        link.send(JOIN_ASK, self.link_pb.JoinAsk(member=asked.SerializeToString()).SerializeToString())
        while True:
            kind, data = link.receive()
            if kind == JOIN_WELCOME:
                break
            if kind == JOIN_MEMBER:
                self.take_member(self.link_pb.JoinMember.FromString(data).member)
        link.close()
        welcome = self.link_pb.JoinWelcome.FromString(data)
        charter = self.pb.Signed.FromString(welcome.charter)
        assert hashlib.sha256(charter.body).digest() == code.community, "another charter than the invite's"
        check_signatures(charter, *self.pb.Charter.FromString(charter.body).administrators)
        complete = self.pb.Signed.FromString(welcome.member)
        assert complete.body == asked.body
        check_signatures(complete, self.members[code.sponsor].node)
        self.id = hashlib.sha256(complete.body).digest()
        # Nobody has been removed: the key follows from the founding one alone (PROTOCOL 4.8).
        self.epoch_key = labelled(b"stoop epoch key v1", welcome.founding_key, b"")
        return welcome.member

    def take_member(self, data):
        signed = self.pb.Signed.FromString(data)
        if signed.type == "application/vnd.stoop.member.v1+protobuf":
            check_signatures(signed)
            self.members[hashlib.sha256(signed.body).digest()] = self.pb.Member.FromString(signed.body)
