/* A wire with a delay, for kernels that have no netem: joins network namespaces, and hands each IP
 * packet over when the sender's delay and the receiver's have passed.
 *
 * Each namespace gets a device `wan` whose other end is here; node I (from 0) is the one that
 * packets for 10.77.I+1.x go to. A packet waits by itself, so nothing is limited but the time:
 * order within a pair of nodes stays as it was, and there is no loss but when PENDING_MAX packets
 * wait.
 *
 * usage: delay_switch NAMESPACE:MICROSECONDS...   NAMESPACE is a file, as for setns(2)
 *
 * Says "ready" when all devices are there. To each line on its standard input, and when that ends,
 * it says as one line of JSON what it carried so far, how much of it in large packets, what it
 * lost, and by how much it was late: figures of a run in which that is not small beside the delays
 * mean nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "node/base/assert.h"

enum {
    NODES_MAX = 250,
    PACKET_MAX = 1500,
    PENDING_MAX = 65536,
    READ_AT_ONCE = 64, /* of one node, so that none is starved */
    EVENTS_MAX = 64,
    LARGE_MIN =
        512, /* has a payload in it; what only acknowledges, pings or announces is smaller */
    IP4_MIN = 20,
    IP4_TARGET = 16, /* offset of the address that it goes to */
};

struct packet {
    int64_t due_ns;
    uint64_t number; /* of two that are due at once the first that came goes first */
    size_t to;
    size_t len;
    uint8_t bytes[PACKET_MAX];
};

static struct {
    size_t node_count;
    struct node {
        int fd;
        int64_t delay_ns;
    } nodes[NODES_MAX];
    struct packet *pool; /* touched only as far as it is needed */
    struct packet *unused[PENDING_MAX];
    size_t unused_count;
    struct packet *heap[PENDING_MAX]; /* the first that is due on top */
    size_t heap_count;
    uint64_t carried, bytes, large, large_bytes, lost;
    int64_t late_sum_ns, late_max_ns;
} wire;

static void add_node(const char *text);
static int open_device(const char *space);
static void carry(void);
static bool obey(void);
static void take_packets(struct node *from);
static bool find_target(const uint8_t *bytes, size_t len, size_t *out);
static void hand_over_due(void);
static void push(struct packet *packet);
static struct packet *pop(void);
static bool sooner(const struct packet *a, const struct packet *b);
static void say_figures(void);
static int64_t now_ns(void);
static void die(const char *what);

int main(int argc, char **argv) {
    if (argc < 2 || argc - 1 > NODES_MAX) {
        (void)fprintf(stderr, "usage: delay_switch NAMESPACE:MICROSECONDS...\n");
        return 2;
    }
    wire.pool = calloc(PENDING_MAX, sizeof *wire.pool);
    if (wire.pool == NULL) {
        die("memory");
    }
    for (size_t i = 0; i < PENDING_MAX; i++) {
        wire.unused[i] = &wire.pool[PENDING_MAX - 1 - i];
    }
    wire.unused_count = PENDING_MAX;
    for (int i = 1; i < argc; i++) {
        add_node(argv[i]);
    }
    (void)puts("ready");
    (void)fflush(stdout);
    carry();
    free(wire.pool);
    return 0;
}

static void add_node(const char *text) {
    const char *colon = strrchr(text, ':');
    char space[256];
    char *end = NULL;
    if (colon == NULL || (size_t)(colon - text) >= sizeof space) {
        errno = EINVAL;
        die(text);
    }
    memcpy(space, text, (size_t)(colon - text));
    space[colon - text] = '\0';
    errno = 0;
    long delay_us = strtol(colon + 1, &end, 10);
    if (errno != 0 || *end != '\0' || delay_us < 0) {
        errno = EINVAL;
        die(text);
    }
    wire.nodes[wire.node_count++] =
        (struct node){.fd = open_device(space), .delay_ns = (int64_t)delay_us * 1000};
}

/* A device belongs to the namespace in which /dev/net/tun was opened. */
static int open_device(const char *space) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    (void)snprintf(request.ifr_name, sizeof request.ifr_name, "wan");
    int space_fd = open(space, O_RDONLY | O_CLOEXEC);
    if (space_fd < 0 || setns(space_fd, CLONE_NEWNET) != 0) {
        die(space);
    }
    (void)close(space_fd);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) {
        die("/dev/net/tun");
    }
    return fd;
}

/* Until standard input ends. */
static void carry(void) {
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
    if (poll_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) {
        die("epoll");
    }
    for (size_t i = 0; i < wire.node_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &wire.nodes[i]};
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, wire.nodes[i].fd, &event) != 0) {
            die("epoll");
        }
    }
    while (true) {
        struct epoll_event events[EVENTS_MAX];
        struct timespec wait = {.tv_sec = 3600};
        if (wire.heap_count > 0) {
            int64_t left = wire.heap[0]->due_ns - now_ns();
            left = left > 0 ? left : 0;
            wait = (struct timespec){left / 1000000000, left % 1000000000};
        }
        int count = epoll_pwait2(poll_fd, events, EVENTS_MAX, &wait, NULL);
        if (count < 0 && errno != EINTR) {
            die("epoll");
        }
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL) {
                take_packets(events[i].data.ptr);
            } else if (!obey()) {
                (void)close(poll_fd);
                return;
            }
        }
        hand_over_due();
    }
}

/* False at the end of the input. */
static bool obey(void) {
    char text[64];
    ssize_t len = read(STDIN_FILENO, text, sizeof text);
    for (ssize_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            say_figures();
        }
    }
    if (len <= 0) {
        say_figures();
    }
    return len > 0;
}

static void take_packets(struct node *from) {
    for (int i = 0; i < READ_AT_ONCE; i++) {
        uint8_t bytes[PACKET_MAX];
        size_t to = 0;
        ssize_t len = read(from->fd, bytes, sizeof bytes);
        if (len <= 0) {
            return; /* nothing more, or its end is down */
        }
        if (!find_target(bytes, (size_t)len, &to)) {
            continue; /* multicast: nobody's */
        }
        if (wire.unused_count == 0) {
            wire.lost++;
        } else {
            struct packet *packet = wire.unused[--wire.unused_count];
            packet->due_ns = now_ns() + from->delay_ns + wire.nodes[to].delay_ns;
            packet->number = wire.carried++;
            packet->to = to;
            packet->len = (size_t)len;
            wire.bytes += packet->len;
            wire.large += packet->len >= LARGE_MIN ? 1 : 0;
            wire.large_bytes += packet->len >= LARGE_MIN ? packet->len : 0;
            memcpy(packet->bytes, bytes, (size_t)len);
            push(packet);
        }
    }
}

static bool find_target(const uint8_t *bytes, size_t len, size_t *out) {
    if (len < IP4_MIN || bytes[0] >> 4 != 4) {
        return false;
    }
    const uint8_t *target = bytes + IP4_TARGET;
    if (target[0] != 10 || target[1] != 77 || target[2] == 0 || target[2] > wire.node_count) {
        return false;
    }
    *out = target[2] - 1u;
    return true;
}

static void hand_over_due(void) {
    int64_t now = now_ns();
    while (wire.heap_count > 0 && wire.heap[0]->due_ns <= now) {
        struct packet *packet = pop();
        int64_t late = now - packet->due_ns;
        wire.late_sum_ns += late;
        wire.late_max_ns = late > wire.late_max_ns ? late : wire.late_max_ns;
        /* A node that was cut off has its device down, and takes nothing. */
        if (write(wire.nodes[packet->to].fd, packet->bytes, packet->len) < 0 && errno != EIO) {
            wire.lost++;
        }
        wire.unused[wire.unused_count++] = packet;
    }
}

/* ---- the heap ---- */

static void push(struct packet *packet) {
    ASSERT(wire.heap_count < PENDING_MAX);
    size_t at = wire.heap_count++;
    while (at > 0 && sooner(packet, wire.heap[(at - 1) / 2])) {
        wire.heap[at] = wire.heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    wire.heap[at] = packet;
}

static struct packet *pop(void) {
    ASSERT(wire.heap_count > 0);
    struct packet *first = wire.heap[0];
    struct packet *last = wire.heap[--wire.heap_count];
    size_t at = 0;
    for (size_t child = 1; child < wire.heap_count; child = 2 * at + 1) {
        if (child + 1 < wire.heap_count && sooner(wire.heap[child + 1], wire.heap[child])) {
            child++;
        }
        if (!sooner(wire.heap[child], last)) {
            break;
        }
        wire.heap[at] = wire.heap[child];
        at = child;
    }
    wire.heap[at] = last;
    return first;
}

static bool sooner(const struct packet *a, const struct packet *b) {
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void say_figures(void) {
    double mean = wire.carried == 0 ? 0 : (double)wire.late_sum_ns / (double)wire.carried;
    (void)printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"large_packets\": %" PRIu64
                 ", \"large_bytes\": %" PRIu64 ", \"lost\": %" PRIu64
                 ", \"late_mean_us\": %.1f, \"late_max_us\": %.1f}\n",
                 wire.carried, wire.bytes, wire.large, wire.large_bytes, wire.lost, mean / 1e3,
                 (double)wire.late_max_ns / 1e3);
    (void)fflush(stdout);
}

static int64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what) {
    (void)fprintf(stderr, "delay_switch: %s: %s\n", what, strerror(errno));
    exit(1);
}
