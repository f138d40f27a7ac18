/* What the files of the shell share. Private to node/shell/.
 *
 *   shell.c      life, turns, the loop, the supervisor and ingest
 *   sockets.c    how connections begin: who is accepted, whom we dial
 *   endpoint.c   one connection, until it is closed: what goes out and what comes in
 *   disk.c       files, for core
 *
 * Invariants:
 *  1. Core is stepped only inside a turn, and a turn ends before the loop waits again. While its
 *     effects are released none begins: they are core's until then. So core hears that an endpoint
 *     has ended from the close callback, whatever ended it; the loop does not wait before that.
 *  2. Bytes for one link leave in the order in which core gave them, file runs included.
 *  3. An endpoint is freed only in its close callback; until then `closing` keeps it out of every
 *     path.
 *  4. shell_run() returns only when no thread of the pool is at work for core any more.
 *  5. Descriptors are bounded whatever strangers do: core's links, ACCEPTS_A_PASS more, those that
 *     linger (LINGER_MAX), and CORE_CLIENTS_MAX clients. */
#ifndef NODE_SHELL_PARTS_H
#define NODE_SHELL_PARTS_H

#include <sys/stat.h>
#include <uv.h>

#include "node/shell/disk.h"
#include "node/shell/shell.h"

enum {
    READ_BYTES = CORE_INPUT_MAX, /* one shared buffer: a first touch of a page is dear */
};

enum endpoint_kind {
    ENDPOINT_LINK,
    ENDPOINT_CLIENT,
    ENDPOINT_INGEST,
    ENDPOINT_SUPERVISOR
};

struct endpoint {
    struct endpoint *next;
    struct shell *shell;
    enum endpoint_kind kind;
    uint64_t number; /* link or client; 0 for ingest */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    bool up;      /* connected */
    bool waiting; /* not read until core has room for what it brings */
    bool closing; /* uv_close has been called */
    bool untold;  /* it ended by itself, and core does not know yet */
    bool leaving; /* close when the queue is empty */
    uint64_t leave_by;
    bool told_drained;
    bool writing; /* uv_write under way for the head of the queue */
    uv_write_t write;
    uv_connect_t connect;
    struct outgoing *first, *last;
    size_t queued;
    uint8_t *file_part;  /* while a file run is copied; owned */
    struct buffer input; /* frames: clients and ingest */
};

struct seen_file { /* all zero: not there */
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct shell {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_pipe_t control;
    uv_timer_t timer, watch;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_signal_t sigterm, sigint;
    struct endpoint *endpoints;
    struct endpoint *ingest; /* NULL while down; it may be closing */
    struct endpoint *supervisor;
    struct core *core;
    struct disk disk;
    size_t jobs; /* on the pool */
    bool in_turn;
    bool releasing; /* no step now */
    bool stopping;
    unsigned accepted; /* in this pass of the loop */
    bool accept_waits; /* libuv holds one more connection, and takes no other, until uv_accept() */
    bool client_waits; /* the same of the control socket */
    enum err failed;
    const char *siblings; /* borrowed; NULL: nothing is watched */
    struct seen_file siblings_as;
    uint64_t next_number; /* odd: inbound links and clients */
    char control_path[sizeof(((struct sockaddr_storage *)0)->__ss_padding)];
    uint8_t read_buffer[READ_BYTES];
};

/* ---- shell.c ---- */
/* Gives core an event, in the turn that is open or in a new one. Not while effects are released. */
void shell_step(struct shell *shell, const struct core_event *event);
void shell_stop(struct shell *shell, enum err err); /* shell_run() returns it */

/* ---- sockets.c ---- */
/* Both fill *why with what they would listen on. */
enum err sockets_listen(struct shell *shell, const char *address, char *why);
enum err sockets_listen_control(struct shell *shell, const char *home, char *why);
/* One that waits with libuv; when there is no room for it yet, it goes on waiting. */
void sockets_accept_link(struct shell *shell);
void sockets_accept_client(struct shell *shell);
void sockets_dial(struct shell *shell, const struct core_effect *effect);

/* ---- endpoint.c ---- */
/* Its handle is yet to be opened, accepted or connected. NULL when memory is short. */
struct endpoint *endpoint_new(struct shell *shell, enum endpoint_kind kind, uint64_t number);
struct endpoint *endpoint_find(struct shell *shell, enum endpoint_kind kind, uint64_t number);
void endpoint_down(struct endpoint *endpoint);
void endpoint_tell_down(struct endpoint *endpoint); /* core, unless it knows */
void endpoint_close(struct endpoint *endpoint);
void endpoint_leave(struct endpoint *endpoint); /* closes when the queue is empty, or in a while */
void endpoint_send(struct endpoint *endpoint, struct bytes data, bool framed);
void endpoint_send_file(struct endpoint *endpoint, const struct core_effect *effect);
void endpoint_start_reading(struct endpoint *endpoint); /* it is connected */
void endpoint_read_on(struct shell *shell);
void endpoint_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out);

#endif
