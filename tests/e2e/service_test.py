#!/usr/bin/env python3
"""The system service : installed programs, a home made by root, node and ingest under users of
their own, an owner who is in the group and one who is not. Needs root; users and files live in namespaces of the
test's own.

usage: tests/e2e/service_test.py BIN-FOLDER
"""
import json
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Terminal, free_port  # noqa: E402

PASSPHRASE = "correct horse battery"
USERS = {"stoop": 7001, "stoop-ingest": 7002, "ada": 7003, "eve": 7004}
GROUPS = {"stoop-owners": (7010, "ada"), "recorder": (7011, "stoop-ingest")}


def isolate(root):
    """A mount namespace with users of our own and an empty /var/lib, then this program again in it."""
    for name in ("passwd", "group"):
        shutil.copy(f"/etc/{name}", root / name)
    with open(root / "passwd", "a") as passwd, open(root / "group", "a") as group:
        for name, number in USERS.items():
            passwd.write(f"{name}:x:{number}:{number}::{root / name}:/bin/sh\n")
            group.write(f"{name}:x:{number}:\n")
        for name, (number, members) in GROUPS.items():
            group.write(f"{name}:x:{number}:{members}\n")
    script = (f"mount --bind {root}/passwd /etc/passwd && mount --bind {root}/group /etc/group && "
              f"mount -t tmpfs none /var/lib && exec \"$@\"")
    return subprocess.run(["unshare", "--mount", "--net", "sh", "-c", "ip link set lo up 2>/dev/null; " + script, "sh",
                           sys.executable, __file__, sys.argv[1], "--inside", str(root)]).returncode


def as_user(name, *words, env=None):
    """Runs words as the user, with the groups that /etc/group gives it."""
    return ["setpriv", f"--reuid={USERS[name]}", f"--regid={USERS[name]}", "--init-groups", "env",
            f"HOME={env['HOME']}", *words]


def install(bin_dir, root):
    """As `cmake --install` lays them out."""
    prefix = root / "usr"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "libexec/stoop").mkdir(parents=True)
    for name in ("stoop", "stoopd"):
        shutil.copy(bin_dir / name, prefix / "bin")
    for name in ("stoop-node", "stoop-ingest", "stoop-media"):
        shutil.copy(bin_dir / name, prefix / "libexec/stoop")
    return prefix / "bin"


def check_owned(paths):
    for path, uid, gid, mode in paths:
        info = path.stat()
        got = (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode))
        assert got == (uid, gid, mode), (path, got)


def add_community(root, home, stoop, env, ask):
    """Root makes room for a further community while the first runs; its owner founds it, without being root."""
    node, ingest, ada, owners = USERS["stoop"], USERS["stoop-ingest"], USERS["ada"], GROUPS["stoop-owners"][0]
    owner_dir, further = root / "ada/.config/stoop", home / "communities/oak-lane"
    made = subprocess.run([stoop, "--owner-dir", str(owner_dir), "init", "--service", "--community", "Oak Lane"], env=env,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert made.returncode == 0 and "it runs" in made.stdout, made
    check_owned(((home / "communities", 0, owners, 0o751), (further, node, owners, 0o2751), (further / "config", 0, 0, 0o644),
                 (further / "node", node, owners, 0o710), (further / "node/node.key", node, node, 0o600),
                 (further / "node/siblings", node, owners, 0o660), (home / "node/siblings", node, owners, 0o660),
                 (further / "vault", ingest, node, 0o2750), (owner_dir / "pins", ada, ada, 0o600)))
    until = time.monotonic() + 20
    while ask("ada", "--community", "oak-lane", "status").returncode != 0:
        assert time.monotonic() < until, (root / "journal").read_text()
        time.sleep(0.1)
    for name in ("first", "oak-lane"):
        terminal = Terminal(as_user("ada", stoop, "--community", name, "community", "found", name,
                                    env={"HOME": str(root / "ada")}), {**env, "HOME": str(root / "ada")})
        terminal.expect("passphrase of ")
        terminal.line(PASSPHRASE)
        assert terminal.wait() == 0, terminal.text
    assert len((further / "node/siblings").read_text().split()) == 3 == len((home / "node/siblings").read_text().split())
    found = {entry for entry in subprocess.run(["pgrep", "-u", str(node), "-x", "stoop-node"], capture_output=True,
                                               text=True).stdout.split()}
    assert len(found) == 2, found


def remove_community(root, home, stoop, env, ask):
    """It is root's to take away again, once its owner has left it; what stays is whose it was."""
    node, ada, owners = USERS["stoop"], USERS["ada"], GROUPS["stoop-owners"][0]
    owner_dir = root / "ada/.config/stoop"
    told = ask("ada", "communities", "remove", "oak-lane")
    assert told.returncode == 1 and "run it with sudo" in told.stderr, told
    words = [stoop, "--owner-dir", str(owner_dir), "communities", "remove", "oak-lane"]
    told = subprocess.run(words, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert told.returncode == 1 and "belongs to 'oak-lane' still" in told.stderr, told
    terminal = Terminal(as_user("ada", stoop, "--community", "oak-lane", "leave", env={"HOME": str(root / "ada")}),
                        {**env, "HOME": str(root / "ada")})
    terminal.expect("type the community's name, oak-lane: ")
    terminal.line("oak-lane")
    terminal.expect("passphrase of ")
    terminal.line(PASSPHRASE)
    assert terminal.wait() == 0, terminal.text
    terminal = Terminal(words, env)
    terminal.expect("type its name, oak-lane: ")
    terminal.line("oak-lane")
    assert terminal.wait() == 0 and "removed 'oak-lane'" in terminal.text, terminal.text
    assert list((home / "communities").iterdir()) == [] and "oak-lane" not in (owner_dir / "pins").read_text()
    check_owned(((owner_dir / "pins", ada, ada, 0o600), (home / "node/siblings", node, owners, 0o660)))
    assert (home / "node/siblings").read_text() == "" and ask("ada", "status").returncode == 0
    assert subprocess.run(["pgrep", "-c", "-u", str(node), "-x", "stoop-node"], capture_output=True, text=True).stdout == "1\n"


def inside(root):
    bin_dir = install(pathlib.Path(sys.argv[1]).resolve(), root)
    for name in ("ada", "eve"):
        (root / name).mkdir()
        os.chown(root / name, USERS[name], USERS[name])
    env = {"PATH": os.environ["PATH"], "HOME": "/root", "TERM": "dumb"}
    home, port = pathlib.Path("/var/lib/stoop"), free_port()
    stoop = str(bin_dir / "stoop")

    def init(*words):
        terminal = Terminal([stoop, "--owner-dir", str(root / "ada/.config/stoop"), "init", "--service", "--owner", "Ada",
                             "--listen", f"127.0.0.1:{port}", "--address", f"127.0.0.1:{port}", *words], env)
        return terminal

    # Ctrl-C at the passphrase leaves no home, and it can be done again.
    terminal = init()
    terminal.expect("passphrase: ")
    terminal.type("\x03")
    assert terminal.wait() == 1 and not (home / "config").exists(), terminal.text
    terminal = init()
    for _ in range(2):
        terminal.expect(r"(passphrase|again): ")
        terminal.line(PASSPHRASE)
    assert terminal.wait() == 0 and "usermod -aG stoop-owners" in terminal.text, terminal.text
    terminal = init()
    assert terminal.wait() == 1 and "there is a home in '/var/lib/stoop' already" in terminal.text, terminal.text

    node, ingest, ada = USERS["stoop"], USERS["stoop-ingest"], USERS["ada"]
    owners = GROUPS["stoop-owners"][0]
    check_owned(((home, node, owners, 0o2751), (home / "config", 0, 0, 0o644), (home / "node", node, owners, 0o710),
                 (home / "node/log", node, owners, 0o2750), (home / "node/node.key", node, node, 0o600),
                 (home / "ingest", ingest, ingest, 0o700), (home / "vault", ingest, node, 0o2750),
                 (root / "ada/.config", ada, ada, 0o700), (root / "ada/.config/stoop/owner.key", ada, ada, 0o600)))

    # With no more rights than the unit leaves it.
    bounded = ["setpriv", "--bounding-set=-all,+setuid,+setgid,+kill", "--inh-caps=-all", "--no-new-privs"]
    journal = open(root / "journal", "wb")
    daemon = subprocess.Popen([*bounded, str(bin_dir / "stoopd"), "--home", str(home)], env=env, stdin=subprocess.DEVNULL,
                              stdout=journal, stderr=journal)

    def ask(user, *words):
        return subprocess.run(as_user(user, stoop, *words, env={"HOME": str(root / user)}), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)

    try:
        until = time.monotonic() + 30
        while ask("ada", "status").returncode != 0:
            assert daemon.poll() is None and time.monotonic() < until, (root / "journal").read_text()
            time.sleep(0.1)
        status = json.loads(ask("ada", "status", "--json").stdout)
        assert status["home"] == "/var/lib/stoop", status  # found without being named
        socket = (home / "control.sock").stat()
        assert (socket.st_uid, socket.st_gid, stat.S_IMODE(socket.st_mode)) == (node, owners, 0o660), socket
        until = time.monotonic() + 10
        while not (home / "node/log/checkpoint").exists() and time.monotonic() < until:
            time.sleep(0.1)
        verified = ask("ada", "log", "verify")
        assert verified.returncode == 0, verified
        outsider = ask("eve", "status")
        assert outsider.returncode == 1 and "stoop-owners" in outsider.stderr, outsider

        seen = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "exe").startswith(str(root)):
                    lines = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines() if ":" in line)
                    seen[lines["Name"].strip()] = lines
            except OSError:
                continue
        uid = {name: int(lines["Uid"].split()[1]) for name, lines in seen.items()}
        assert uid == {"stoopd": 0, "stoop-node": node, "stoop-ingest": ingest}, uid
        assert str(GROUPS["recorder"][0]) in seen["stoop-ingest"]["Groups"].split(), seen["stoop-ingest"]
        assert str(owners) not in seen["stoop-ingest"]["Groups"].split()
        for name in ("stoop-node", "stoop-ingest"):
            assert int(seen[name]["CapEff"], 16) == 0, (name, seen[name]["CapEff"])
        assert int(seen["stoopd"]["CapEff"], 16) == (1 << 5) | (1 << 6) | (1 << 7), seen["stoopd"]["CapEff"]

        # A child that dies is started again, as its user.
        pid = int(seen["stoop-ingest"]["Pid"])
        os.kill(pid, 9)
        until = time.monotonic() + 20
        while True:
            again = subprocess.run(["pgrep", "-P", str(daemon.pid), "-u", str(ingest)], capture_output=True, text=True)
            if again.stdout.strip() and int(again.stdout.split()[0]) != pid:
                break
            assert time.monotonic() < until, (root / "journal").read_text()
            time.sleep(0.1)
        add_community(root, home, stoop, env, ask)
        remove_community(root, home, stoop, env, ask)
        doctor = ask("ada", "doctor")
        assert "WRONG" not in "\n".join(l for l in doctor.stdout.splitlines() if l.startswith(("perm", "node", "port"))), \
            doctor.stdout
    finally:
        daemon.terminate()
        code = daemon.wait(30)
    assert code == 0, (code, (root / "journal").read_text())
    left = subprocess.run(["pgrep", "-u", f"{node},{ingest}"], capture_output=True, text=True).stdout
    assert left == "", left
    print("service: made by root, run by its own users, asked by its owners")


def main():
    if "--inside" in sys.argv:
        inside(pathlib.Path(sys.argv[3]))
        return 0
    if os.geteuid() != 0:
        print("skipped: needs root")
        return 0
    for name in USERS:
        try:
            pwd.getpwnam(name)
            print(f"skipped: this machine has a user '{name}'")
            return 0
        except KeyError:
            pass
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: no mounts here")
        return 0
    root = pathlib.Path(tempfile.mkdtemp(prefix="stoop-service-"))
    os.chmod(root, 0o755)
    code = isolate(root)
    if code == 0:
        shutil.rmtree(root)
    return code


if __name__ == "__main__":
    sys.exit(main())
