// A node of HashiCorp's memberlist for swarm_bench.py: its default configuration for local networks (the quicker of
// the two that it brings), payloads in its own transmit-limited queue. It has no broadcast of payloads by itself: as
// its users do, who gets a new one puts it into the own queue.
//
// usage: memberlist NAME ADDRESS PORT PAYLOAD-BYTES
//
// On standard input: join ADDRESS:PORT..., publish ID, count. On standard output: ready ADDRESS:PORT, joined,
// sent ID NANOSECONDS, got ID NANOSECONDS (wall time), count MEMBERS. It ends with its standard input.
package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const idBytes = 16 // the id comes first in a payload; the rest is random, so that nothing compresses it

type payload []byte

func (p payload) Invalidates(memberlist.Broadcast) bool { return false }
func (p payload) Message() []byte                       { return p }
func (p payload) Finished()                             {}

type node struct {
	mutex sync.Mutex
	seen  map[string]bool
	queue *memberlist.TransmitLimitedQueue
}

func say(format string, words ...interface{}) {
	fmt.Fprintf(os.Stdout, format+"\n", words...) // one write a line: unbuffered
}

// Tells whether the payload is new here.
func (n *node) first(id string) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	known := n.seen[id]
	n.seen[id] = true
	return !known
}

func (n *node) NotifyMsg(bytes []byte) {
	now := time.Now().UnixNano()
	id := string(bytes[:idBytes])
	if n.first(id) {
		n.queue.QueueBroadcast(append(payload(nil), bytes...))
		say("got %s %d", id, now)
	}
}

func (n *node) GetBroadcasts(overhead, limit int) [][]byte {
	return n.queue.GetBroadcasts(overhead, limit)
}
func (n *node) NodeMeta(int) []byte           { return nil }
func (n *node) LocalState(bool) []byte        { return nil }
func (n *node) MergeRemoteState([]byte, bool) {}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: memberlist NAME ADDRESS PORT PAYLOAD-BYTES")
	}
	port, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	size, err := strconv.Atoi(os.Args[4])
	if err != nil || size < idBytes {
		log.Fatal("a payload has room for its id")
	}
	config := memberlist.DefaultLANConfig()
	config.Name = os.Args[1]
	config.BindAddr, config.BindPort = os.Args[2], port
	config.AdvertiseAddr, config.AdvertisePort = os.Args[2], port
	config.LogOutput = io.Discard
	self := &node{seen: map[string]bool{}}
	config.Delegate = self
	var list *memberlist.Memberlist
	self.queue = &memberlist.TransmitLimitedQueue{
		NumNodes:       func() int { return list.NumMembers() },
		RetransmitMult: config.RetransmitMult,
	}
	if list, err = memberlist.Create(config); err != nil {
		log.Fatal(err)
	}
	say("ready %s:%d", os.Args[2], port)
	obey(self, list, size)
}

func obey(self *node, list *memberlist.Memberlist, size int) {
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		switch {
		case len(words) > 1 && words[0] == "join":
			if _, err := list.Join(words[1:]); err != nil {
				log.Fatal(err)
			}
			say("joined")
		case len(words) == 2 && words[0] == "publish" && len(words[1]) == idBytes:
			bytes := make(payload, size)
			if _, err := rand.Read(bytes[copy(bytes, words[1]):]); err != nil {
				log.Fatal(err)
			}
			self.first(words[1])
			say("sent %s %d", words[1], time.Now().UnixNano())
			self.queue.QueueBroadcast(bytes)
		case len(words) == 1 && words[0] == "count":
			say("count %d", list.NumMembers())
		default:
			log.Fatalf("unknown: %q", input.Text())
		}
	}
}
