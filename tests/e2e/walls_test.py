#!/usr/bin/env python3
"""The walls of running programs, seen from outside (P1): what the kernel says of a live home's processes, and
that each of them refuses to start on a kernel that cannot wall it in.

usage: tests/e2e/walls_test.py BIN-FOLDER
"""
import ctypes
import datetime
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from footage import make_segments  # noqa: E402
from street import set_up  # noqa: E402

LANDLOCK_CREATE_RULESET = 444
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
libc = ctypes.CDLL(None, use_errno=True)


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def children(pid):
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                facts = status(folder.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
            if facts["PPid"] == str(pid):
                found[facts["Name"]] = int(folder.name)
    return found


def check_walls(name, pid):
    facts = status(pid)
    assert facts["NoNewPrivs"] == "1", (name, facts)
    assert facts["Seccomp"] == "2", (name, facts)  # a filter
    for kind in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
        assert int(facts[kind], 16) == 0, (name, kind, facts)


def check_closed_to_others(pid):
    """Not dumpable: its memory and descriptors belong to root, so another program of its user reads neither."""
    core = next(line for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line)
    assert core.split()[4:6] == ["0", "0"], core


def open_files(pid):
    return [os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()]


def scheduling_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[38])


def walled(stoopd, but):
    """Both have started, put up walls beside those of the supervisor, which is the last of it, and are not `but`."""
    filters = {}
    for name, pid in children(stoopd).items():
        try:
            filters[name] = int(status(pid)["Seccomp_filters"]) if pid != but else 0
        except (FileNotFoundError, ProcessLookupError):
            continue
    ours = int(status(stoopd)["Seccomp_filters"])
    return {name for name, count in filters.items() if count > ours} == {"stoop-node", "stoop-ingest"}


def check_running(home, ended=None):
    stoopd = home.daemon.pid
    home.until(lambda: walled(stoopd, ended), bool)
    processes = children(stoopd)
    assert set(processes) == {"stoop-node", "stoop-ingest"}, processes
    for name, pid in [("stoopd", stoopd), *processes.items()]:
        check_walls(name, pid)
    for pid in processes.values():
        check_closed_to_others(pid)
    node, ingest = open_files(processes["stoop-node"]), open_files(processes["stoop-ingest"])
    data = str(home.data)
    assert not [f for f in node if f.startswith((data + "/ingest", str(home.root / "config")))], node
    assert not [f for f in ingest if f.startswith((data + "/node", str(home.root / "config")))], ingest
    assert len([f for f in ingest if f.startswith("socket:")]) == 1, ingest  # to the node, and no other
    # P2: nobody sees by the node's pace that ingest is at work.
    assert scheduling_of(processes["stoop-ingest"]) == os.SCHED_IDLE, processes
    assert scheduling_of(processes["stoop-node"]) != os.SCHED_IDLE, processes
    return processes


def look_at_worker(ingest):
    """What it is while it stands still; None when there is none, or it has not become ffmpeg yet."""
    for pid in map(int, pathlib.Path(f"/proc/{ingest}/task/{ingest}/children").read_text().split()):
        try:
            os.kill(pid, signal.SIGSTOP)
            try:
                if os.readlink(f"/proc/{pid}/exe") in ("/usr/bin/ffprobe", "/usr/bin/ffmpeg"):
                    return status(pid), open_files(pid), pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            finally:
                os.kill(pid, signal.SIGCONT)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return None


def check_media(home, camera):
    """Caught at work: a file of many pictures takes long enough to be read."""
    ingest = children(home.daemon.pid)["stoop-ingest"]
    start = datetime.datetime.now() - datetime.timedelta(hours=2)
    short = make_segments(camera.parent / "short", "motion", "porch", start, 1, 2)[0]
    whole = camera / short.name
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-stream_loop", "4000", "-i", str(short), "-c", "copy",
                    "-f", "mp4", str(camera / "making")], check=True)
    os.utime(camera / "making", (start.timestamp(), start.timestamp()))
    (camera / "making").rename(whole)
    seen, until = None, time.monotonic() + 60
    while seen is None and time.monotonic() < until:
        seen = look_at_worker(ingest)
    assert seen, "no worker was seen"
    facts, files, environment = seen
    assert facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2" and int(facts["CapEff"], 16) == 0, facts
    assert int(facts["Seccomp_filters"]) > int(status(ingest)["Seccomp_filters"]), facts  # narrower than ingest's
    assert not [f for f in files if f.startswith(("socket:", str(home.data)))], files
    assert environment == b"LANG=C.UTF-8\0TZ=UTC\0", environment


def check_owner(home):
    """While it asks for the passphrase the walls are up already."""
    terminal = home.at_terminal("camera", "add", "garden", "--folder", "/tmp", "--layout", "plain", "--at",
                                "52.52,13.405", "--reach", "10")
    terminal.expect("passphrase of .*: ")
    check_walls("stoop", terminal.pid)
    check_closed_to_others(terminal.pid)
    sockets = [f for f in open_files(terminal.pid) if f.startswith("socket:")]
    assert len(sockets) == 1, sockets
    terminal.type("\x04")
    terminal.wait()


def without_landlock():
    """Run in the child: as on a kernel that lacks it."""
    code = b"".join(struct.pack("HBBI", *step) for step in (
        (0x20, 0, 0, 0), (0x15, 0, 1, LANDLOCK_CREATE_RULESET), (0x06, 0, 0, 0x00050000 | 38),
        (0x06, 0, 0, 0x7fff0000)))
    room = ctypes.create_string_buffer(code)

    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    program = Program(len(code) // 8, ctypes.addressof(room))
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)) == 0


def check_refuses(home):
    commands = {
        "stoopd": ["stoopd", "--home", str(home.data)],
        "stoop-node": ["stoop-node", "--home", str(home.data), "--listen", "127.0.0.1:0"],
        "stoop-ingest": ["stoop-ingest", "--home", str(home.data), "--node-fd", "0"],
    }
    for name, command in commands.items():
        done = subprocess.run([str(home.bin / command[0]), *command[1:]], env=home.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, preexec_fn=without_landlock)
        assert done.returncode not in (0, 2), (name, done)
        assert "the walls could not be raised" in done.stderr and "Landlock" in done.stderr, (name, done)
    # stoop does not even ask for the passphrase.
    done = subprocess.run([str(home.bin / "stoop"), "key", "export-age", "--out", str(home.root / "key")], env=home.env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          preexec_fn=without_landlock)
    assert done.returncode == 1 and "Landlock" in done.stderr and "passphrase" not in done.stdout, done
    assert not (home.root / "key").exists()
    # A folder of the home that is missing is named.
    (home.data / "vault").rename(home.data / "away")
    done = subprocess.run([str(home.bin / "stoop-ingest"), "--home", str(home.data), "--node-fd", "0"], env=home.env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 78 or done.returncode == 1, done
    assert str(home.data) in done.stderr, done
    (home.data / "away").rename(home.data / "vault")


def main():
    with set_up("walls", "ada") as (root, home):
        home.init()
        check_refuses(home)
        home.start()
        ended = check_running(home)["stoop-ingest"]
        home.with_passphrase("community", "found", "Elm Street", "--slot", "1")
        camera = root / "camera"
        camera.mkdir()
        home.with_passphrase("camera", "add", "porch", "--folder", str(camera), "--layout", "motion", "--at",
                             "52.52,13.405", "--reach", "40")
        check_running(home, ended)  # ingest has started anew, with the camera's folder
        check_media(home, camera)
        check_owner(home)
        journal = home.journal()
        assert "porch" not in journal and str(camera) not in journal, journal  # no name, no place
    print("walls: four programs and their worker are walled in; without walls none starts")


if __name__ == "__main__":
    main()
