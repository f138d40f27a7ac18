// tlog_verify checks a log folder with none of our code: the checkpoint's signature, the root over
// the hash tiles, and an inclusion proof for every entry of the bundles. It is made of
// golang.org/x/mod's sumdb/note and sumdb/tlog and of c2sp.org/tlog-tiles alone.
//
//	usage: tlog_verify FOLDER VERIFIER-KEY
//	       tlog_verify -proof VERIFIER-KEY, with what 'stoop log proof N --json' printed at standard input
//	       prints "SIZE leaves" and ends 0, or prints what is wrong and ends 1
//
// Build: GO111MODULE=off GOPATH=/usr/share/gocode go build ./tests/e2e/tlog_verify
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	width  = 256
	height = 8
)

// folder reads stored hashes out of the tiles of a tree of `size` leaves.
type folder struct {
	path  string
	size  int64
	tiles map[string][]byte
	known map[int64]tlog.Hash
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: tlog_verify FOLDER|-proof VERIFIER-KEY")
		os.Exit(2)
	}
	var size int64
	var err error
	if os.Args[1] == "-proof" {
		size, err = verifyProof(os.Stdin, os.Args[2])
	} else {
		size, err = verify(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlog_verify:", err)
		os.Exit(1)
	}
	fmt.Println(size, "leaves")
}

func verify(path, key string) (int64, error) {
	size, root, err := openCheckpoint(path, key)
	if err != nil {
		return 0, err
	}
	tiles := &folder{path, size, map[string][]byte{}, map[int64]tlog.Hash{}}
	if size > 0 {
		computed, err := tlog.TreeHash(size, tiles)
		if err != nil {
			return 0, err
		}
		if computed != root {
			return 0, errors.New("the tiles' root is not the checkpoint's")
		}
	}
	for bundle := int64(0); bundle*width < size; bundle++ {
		if err := tiles.checkBundle(bundle, root); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// verifyProof checks that one leaf is in the log whose checkpoint comes with it.
func verifyProof(from io.Reader, key string) (int64, error) {
	var fields map[string]interface{}
	if err := json.NewDecoder(from).Decode(&fields); err != nil {
		return 0, err
	}
	leaf, isText := fields["leaf"].(string)
	index, isNumber := fields["index"].(float64)
	checkpoint, isNote := fields["checkpoint"].(string)
	if !isText || !isNumber || !isNote {
		return 0, errors.New("no leaf, index or checkpoint in the proof")
	}
	size, root, err := readCheckpoint([]byte(checkpoint), key)
	if err != nil {
		return 0, err
	}
	var proof tlog.RecordProof
	hashes, _ := fields["hashes"].([]interface{})
	for i, text := range hashes {
		bytes, err := hex.DecodeString(fmt.Sprint(text))
		if err != nil || len(bytes) != tlog.HashSize {
			return 0, fmt.Errorf("hash %d is none", i)
		}
		proof = append(proof, *(*tlog.Hash)(bytes))
	}
	return size, tlog.CheckRecord(proof, size, root, int64(index), tlog.RecordHash([]byte(leaf)))
}

func openCheckpoint(path, key string) (int64, tlog.Hash, error) {
	text, err := os.ReadFile(filepath.Join(path, "checkpoint"))
	if err != nil {
		return 0, tlog.Hash{}, err
	}
	return readCheckpoint(text, key)
}

func readCheckpoint(text []byte, key string) (int64, tlog.Hash, error) {
	var root tlog.Hash
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return 0, root, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return 0, root, errors.New("not a checkpoint of this origin")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return 0, root, errors.New("no size in the checkpoint")
	}
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(hash) != tlog.HashSize {
		return 0, root, errors.New("no root in the checkpoint")
	}
	copy(root[:], hash)
	return size, root, nil
}

func (f *folder) checkBundle(bundle int64, root tlog.Hash) error {
	rest, err := f.read("entries", bundle, f.size)
	if err != nil {
		return err
	}
	for index := bundle * width; index < f.size && index < (bundle+1)*width; index++ {
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return fmt.Errorf("bundle %d ends within entry %d", bundle, index)
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		proof, err := tlog.ProveRecord(f.size, index, f)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, f.size, root, index, tlog.RecordHash(rest[2:end])); err != nil {
			return fmt.Errorf("leaf %d: %w", index, err)
		}
		rest = rest[end:]
	}
	if len(rest) != 0 {
		return fmt.Errorf("bundle %d goes on after its last entry", bundle)
	}
	return nil
}

// ReadHashes makes folder a tlog.HashReader.
func (f *folder) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hash, ok := f.known[index]
		if !ok {
			level, n := tlog.SplitStoredHashIndex(index)
			var err error
			if hash, err = f.subtree(level, n); err != nil {
				return nil, err
			}
			f.known[index] = hash
		}
		hashes[i] = hash
	}
	return hashes, nil
}

// subtree is the hash of the complete subtree n at a level of the tree: the root over a run of hashes of one tile.
func (f *folder) subtree(level int, n int64) (tlog.Hash, error) {
	first := n << (level % height)
	tile, err := f.read(strconv.Itoa(level/height), first/width, f.size>>(level/height*height))
	if err != nil {
		return tlog.Hash{}, err
	}
	run := make([]tlog.Hash, 1<<(level%height))
	for i := range run {
		at := (int(first%width) + i) * tlog.HashSize
		if at+tlog.HashSize > len(tile) {
			return tlog.Hash{}, errors.New("tile is too short")
		}
		copy(run[i][:], tile[at:])
	}
	for len(run) > 1 {
		for i := 0; i < len(run)/2; i++ {
			run[i] = tlog.NodeHash(run[2*i], run[2*i+1])
		}
		run = run[:len(run)/2]
	}
	return run[0], nil
}

// read gives a tile of a level that holds `count` hashes in all.
func (f *folder) read(kind string, index, count int64) ([]byte, error) {
	name := fmt.Sprintf("%03d", index%1000)
	for rest := index / 1000; rest > 0; rest /= 1000 {
		name = fmt.Sprintf("x%03d/%s", rest%1000, name)
	}
	here := count - index*width
	if here < width {
		name = fmt.Sprintf("%s.p/%d", name, here)
	} else {
		here = width
	}
	path := filepath.Join(f.path, "tile", kind, name)
	if bytes, ok := f.tiles[path]; ok {
		return bytes, nil
	}
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if kind != "entries" && int64(len(bytes)) != here*tlog.HashSize {
		return nil, fmt.Errorf("%s is not %d hashes", path, here)
	}
	f.tiles[path] = bytes
	return bytes, nil
}
