/* The engine answers tests/e2e/noise_peer.py, which is made of dissononce and of PROTOCOL 3 alone:
 * proof that both can be written from the text. */
#include <arpa/inet.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/transport/transport.h"
#include "tests/support/check.h"

#define PYTHON "/usr/bin/python3"
#define PEER "tests/e2e/noise_peer.py"

enum {
    PING = 1,
    PONG = 2,
    WAIT_MS = 20000,
    EXIT_NOT_INSTALLED = 77,
};

struct answerer {
    struct box_secret own_static;
    struct transport_door_key door;
    struct transport_replay *replay;
    struct transport *transport;
    unsigned pings;
    bool closed;
};

static const uint8_t door_secret[32] = {7, 7, 7};

static struct now real_now(void) {
    struct timespec wall;
    struct timespec mono;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_MONOTONIC, &mono);
    return (struct now){
        .wall = {wall.tv_sec * 1000 + wall.tv_nsec / 1000000},
        .mono = {mono.tv_sec * 1000 + mono.tv_nsec / 1000000},
    };
}

static void answerer_init(struct answerer *answerer) {
    struct box_public unused;
    struct box_secret ephemeral;
    *answerer = (struct answerer){.door = {.door = TRANSPORT_MEMBER}};
    box_generate(&answerer->own_static, &unused);
    box_generate(&ephemeral, &unused);
    memset(answerer->door.community.b, 0xc0, sizeof answerer->door.community.b);
    transport_psk0(TRANSPORT_MEMBER, &answerer->door.community, BYTES_OF(door_secret),
                   answerer->door.psk0);
    transport_types_add(&answerer->door.passes, PING);
    answerer->replay = transport_replay_create(real_now());
    CHECK(answerer->replay != NULL);
    const struct transport_answer_config config = {
        .own_static = &answerer->own_static,
        .doors = &answerer->door,
        .door_count = 1,
        .ephemeral = &ephemeral,
        .payload = BYTES_TEXT("answerer"),
        .replay = answerer->replay,
    };
    CHECK_ERR(ERR_OK, transport_answer(&config, real_now(), &answerer->transport));
}

static int listen_on_loopback(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fd, 1) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static pid_t start_peer(const struct answerer *answerer, uint16_t port, const uint8_t secret[32]) {
    struct box_public responder;
    char texts[4][65];
    char port_text[8];
    pid_t pid = -1;
    box_public_of(&answerer->own_static, &responder);
    hex_write(BYTES_OF(responder.b), texts[0]);
    hex_write(BYTES_OF(answerer->door.community.b), texts[1]);
    hex_write((struct bytes){secret, 32}, texts[2]);
    hex_write(BYTES_OF(door_secret), texts[3]);
    (void)snprintf(port_text, sizeof port_text, "%u", port);
    char *const arguments[] = {PYTHON,   PEER,          "127.0.0.1",     port_text,  "--responder",
                               texts[0], "--community", texts[1],        "--secret", texts[2],
                               "--door", "member",      "--door-secret", texts[3],   "--payload",
                               PEER,     NULL};
    CHECK(posix_spawn(&pid, PYTHON, NULL, NULL, arguments, environ) == 0);
    return pid;
}

static bool readable(int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, 100) == 1;
}

/* -1 when the peer ends without having dialled; then *status is its exit status. */
static int accept_peer(int listener, pid_t pid, int *status) {
    for (unsigned waited = 0; waited < WAIT_MS; waited += 100) {
        if (readable(listener)) {
            return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        }
        if (waitpid(pid, status, WNOHANG) == pid) {
            return -1;
        }
    }
    return -1;
}

static void take_event(struct answerer *answerer, const struct transport_event *event,
                       const struct box_public *peer, struct buffer *to_send) {
    char own_text[16384];
    FILE *file = NULL;
    switch (event->kind) {
    case TRANSPORT_EV_NONE:
    case TRANSPORT_EV_BULK:
        break;
    case TRANSPORT_EV_ESTABLISHED: /* its payload is its own text, some 6 KiB: 16 KiB class */
        file = fopen(PEER, "re");
        CHECK(file != NULL);
        CHECK(event->data.len == fread(own_text, 1, sizeof own_text, file));
        CHECK(memcmp(own_text, event->data.at, event->data.len) == 0);
        CHECK(box_public_equal(peer, &event->peer_static));
        (void)fclose(file);
        break;
    case TRANSPORT_EV_MESSAGE:
        CHECK(event->type == PING);
        answerer->pings++;
        CHECK_ERR(ERR_OK, transport_send(answerer->transport, PONG, event->data, to_send));
        break;
    case TRANSPORT_EV_CLOSED:
        answerer->closed = true;
        break;
    }
}

static void serve(struct answerer *answerer, int fd, const struct box_public *peer) {
    struct buffer to_send;
    uint8_t block[1000];
    buffer_init(&to_send, 1 << 20);
    ssize_t got = 0;
    while ((got = read(fd, block, sizeof block)) > 0) {
        struct bytes input = {block, (size_t)got};
        struct transport_event event = {.kind = TRANSPORT_EV_CLOSED};
        while (input.len > 0 || event.kind != TRANSPORT_EV_NONE) {
            CHECK_ERR(ERR_OK,
                      transport_receive(answerer->transport, &input, real_now(), &event, &to_send));
            take_event(answerer, &event, peer, &to_send);
        }
        CHECK(write(fd, to_send.at, to_send.len) == (ssize_t)to_send.len);
        buffer_clear(&to_send);
    }
    CHECK_ERR(ERR_OK, transport_end(answerer->transport));
    buffer_finish(&to_send);
}

static void test_an_independent_implementation_links_and_pings(void **state) {
    (void)state;
    struct answerer answerer;
    struct box_secret peer_secret;
    struct box_public peer;
    uint16_t port = 0;
    int status = 0;
    if (access(PYTHON, X_OK) != 0) {
        print_message("skipped: no python3\n");
        skip();
    }
    answerer_init(&answerer);
    box_generate(&peer_secret, &peer);
    int listener = listen_on_loopback(&port);
    pid_t pid = start_peer(&answerer, port, peer_secret.b);
    int fd = accept_peer(listener, pid, &status);
    (void)close(listener);
    bool installed = fd >= 0 || !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_NOT_INSTALLED;
    if (fd >= 0) {
        serve(&answerer, fd, &peer);
        (void)close(fd);
        CHECK(waitpid(pid, &status, 0) == pid);
    }
    transport_destroy(answerer.transport);
    transport_replay_destroy(answerer.replay);
    if (!installed) {
        print_message("skipped: no dissononce\n");
        skip();
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(answerer.pings == 1);
    CHECK(answerer.closed);
}

static int start_crypto(void **state) {
    (void)state;
    return crypto_start() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_independent_implementation_links_and_pings),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
