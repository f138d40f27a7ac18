/* Invariants:
 *  1. Core is stepped only inside a turn, and a turn ends before the loop waits again. While its
 *     effects are released none begins: they are core's until then. So core hears that an endpoint
 *     has ended from the close callback, whatever ended it; the loop does not wait before that.
 *  2. Bytes for one link leave in the order in which core gave them, file runs included.
 *  3. An endpoint is freed only in its close callback; until then `closing` keeps it out of every
 *     path.
 *  4. shell_run() returns only when no thread of the pool is at work for core any more.
 *  5. Descriptors are bounded whatever strangers do: core's links, ACCEPTS_A_PASS more, those that
 *     linger (LINGER_MAX), and CORE_CLIENTS_MAX clients. */
#include "node/shell/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "node/base/assert.h"
#include "node/shell/disk.h"

enum {
    READ_BYTES = CORE_INPUT_MAX, /* one shared buffer: a first touch of a page is dear */
    FILE_BYTES = 4 * 1024,       /* what is copied when the socket would not take a file run */
    BACKLOG = 1024,              /* a burst waits in the system, not in us */
    ACCEPTS_A_PASS = 16,
    LINGER_MS = 10 * 1000, /* a closed endpoint has so long to take what it was given */
    LINGER_MAX = 32,
    CLIENT_QUEUE_MAX = 4 * 1024 * 1024,
    FRAME_HEADER = 4,
    WATCH_MS = 3 * 1000,
};

enum endpoint_kind {
    ENDPOINT_LINK,
    ENDPOINT_CLIENT,
    ENDPOINT_INGEST,
    ENDPOINT_SUPERVISOR
};

/* Something that waits to go out: bytes of our own, or a run of a vault file. */
struct outgoing {
    struct outgoing *next;
    int file; /* -1: bytes */
    off_t offset;
    size_t length; /* left of the file, or bytes in data */
    size_t sent;   /* of data */
    uint8_t data[];
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

/* Work that core wants done on the pool. */
struct job {
    uv_work_t work;
    struct shell *shell;
    struct core_work *of;
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

static enum err listen_tcp(struct shell *shell, const char *address, char *why);
static enum err listen_control(struct shell *shell, const char *home, char *why);
static bool parse_address(const char *text, struct sockaddr_storage *out);

static void step(struct shell *shell, const struct core_event *event);
static void turn_end(struct shell *shell);
static void release(struct shell *shell, const struct core_effect *effect);
static void start_job(struct shell *shell, struct core_work *work);
static void tell_drained(struct shell *shell);
static void read_on(struct shell *shell);
static void set_timer(struct shell *shell);
static void stop(struct shell *shell, enum err err);

static struct endpoint *endpoint_new(struct shell *shell, enum endpoint_kind kind, uint64_t number);
static struct endpoint *endpoint_find(struct shell *shell, enum endpoint_kind kind,
                                      uint64_t number);
static void endpoint_down(struct endpoint *endpoint);
static void tell_down(struct endpoint *endpoint);
static void endpoint_close(struct endpoint *endpoint);
static void endpoint_leave(struct endpoint *endpoint);
static void endpoint_send(struct endpoint *endpoint, struct bytes data, bool framed);
static void endpoint_send_file(struct endpoint *endpoint, const struct core_effect *effect);
static void enqueue(struct endpoint *endpoint, struct outgoing *item);
static void pump(struct endpoint *endpoint);
static bool pump_bytes(struct endpoint *endpoint, struct outgoing *item);
static bool pump_file(struct endpoint *endpoint, struct outgoing *item);
static void write_part(struct endpoint *endpoint, uint8_t *at, size_t len);
static void drop_first(struct endpoint *endpoint);
static void start_reading(struct endpoint *endpoint);
static void take_frames(struct endpoint *endpoint, struct bytes data);
static void dial(struct shell *shell, const struct core_effect *effect);
static void ingest_start(struct shell *shell, struct endpoint *endpoint);

static void accept_link(struct shell *shell);
static bool peer_address(const struct endpoint *endpoint, char out[ADDRESS_MAX_BYTES]);
static void on_connection(uv_stream_t *listener, int status);
static void on_client(uv_stream_t *listener, int status);
static void accept_client(struct shell *shell);
static bool clients_full(const struct shell *shell);
static void on_connect(uv_connect_t *connect, int status);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out);
static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer);
static void on_supervisor(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer);
static void on_written(uv_write_t *write, int status);
static void on_job(uv_work_t *work);
static void on_job_done(uv_work_t *work, int status);
static void on_closed(uv_handle_t *handle);
static void on_timer(uv_timer_t *timer);
static void on_prepare(uv_prepare_t *prepare);
static void on_check(uv_check_t *check);
static void on_signal(uv_signal_t *signal, int number);
static void on_watch(uv_timer_t *timer);
static struct seen_file look_at(const char *path);
static void close_any(uv_handle_t *handle, void *context);

enum err shell_create(const struct shell_config *config, struct shell **out,
                      char why[CORE_JOURNAL_MAX]) {
    struct shell *shell = calloc(1, sizeof *shell);
    if (shell == NULL) {
        return ERR_HOST_MEMORY;
    }
    if (uv_loop_init(&shell->loop) != 0) {
        free(shell);
        return ERR_HOST_MEMORY;
    }
    shell->next_number = 1;
    (void)uv_timer_init(&shell->loop, &shell->timer);
    (void)uv_timer_init(&shell->loop, &shell->watch);
    (void)uv_prepare_init(&shell->loop, &shell->prepare);
    (void)uv_check_init(&shell->loop, &shell->check);
    (void)uv_signal_init(&shell->loop, &shell->sigterm);
    (void)uv_signal_init(&shell->loop, &shell->sigint);
    shell->timer.data = shell;
    shell->watch.data = shell;
    shell->prepare.data = shell;
    shell->check.data = shell;
    shell->sigterm.data = shell;
    shell->sigint.data = shell;

    shell->siblings = config->siblings;
    shell->siblings_as = look_at(config->siblings);
    (void)snprintf(why, CORE_JOURNAL_MAX, "%s", config->home);
    enum err err = disk_start(&shell->disk, config->home);
    if (err == ERR_OK) {
        err = listen_tcp(shell, config->listen, why);
    }
    if (err == ERR_OK) {
        err = listen_control(shell, config->home, why);
    }
    if (err == ERR_OK && config->supervise_fd >= 0) {
        shell->supervisor = endpoint_new(shell, ENDPOINT_SUPERVISOR, 0);
        err = shell->supervisor == NULL ||
                      uv_pipe_open(&shell->supervisor->uv.pipe, config->supervise_fd) != 0
                  ? ERR_HOST_NETWORK
                  : ERR_OK;
    }
    if (err == ERR_OK && config->ingest_fd >= 0) {
        struct endpoint *ingest = endpoint_new(shell, ENDPOINT_INGEST, 0);
        err = ingest == NULL || uv_pipe_open(&ingest->uv.pipe, config->ingest_fd) != 0
                  ? ERR_HOST_NETWORK
                  : ERR_OK;
        shell->ingest = ingest;
    }
    if (err != ERR_OK) {
        shell_destroy(shell);
        return err;
    }
    *out = shell;
    return ERR_OK;
}

void shell_destroy(struct shell *shell) {
    if (shell == NULL) {
        return;
    }
    shell->core = NULL;
    uv_walk(&shell->loop, close_any, shell);
    (void)uv_run(&shell->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&shell->loop);
    disk_finish(&shell->disk);
    free(shell);
}

void shell_bound_address(const struct shell *shell, char out[ADDRESS_MAX_BYTES]) {
    struct sockaddr_storage bound;
    int len = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "";
    (void)uv_tcp_getsockname(&shell->listener, (struct sockaddr *)&bound, &len);
    if (bound.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&bound;
        (void)uv_ip6_name(six, host, sizeof host);
        (void)snprintf(out, ADDRESS_MAX_BYTES, "[%s]:%u", host, (unsigned)ntohs(six->sin6_port));
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&bound;
        (void)uv_ip4_name(four, host, sizeof host);
        (void)snprintf(out, ADDRESS_MAX_BYTES, "%s:%u", host, (unsigned)ntohs(four->sin_port));
    }
}

struct core_disk shell_disk(struct shell *shell) {
    return disk_calls(&shell->disk);
}

enum err shell_run(struct shell *shell, struct core *core) {
    shell->core = core;
    (void)uv_prepare_start(&shell->prepare, on_prepare);
    (void)uv_check_start(&shell->check, on_check);
    (void)uv_signal_start(&shell->sigterm, on_signal, SIGTERM);
    (void)uv_signal_start(&shell->sigint, on_signal, SIGINT);
    if (shell->siblings != NULL) {
        (void)uv_timer_start(&shell->watch, on_watch, WATCH_MS, WATCH_MS);
    }
    if (shell->supervisor != NULL) {
        shell->supervisor->up = true;
        (void)uv_read_start(&shell->supervisor->uv.stream, on_alloc, on_supervisor);
        endpoint_send(shell->supervisor, BYTES_TEXT("R"), false);
    }
    if (shell->ingest != NULL) {
        ingest_start(shell, shell->ingest);
    }
    step(shell, &(struct core_event){.kind = CORE_EV_TICK});
    (void)uv_run(&shell->loop, UV_RUN_DEFAULT);
    while (shell->jobs > 0) {
        (void)uv_run(&shell->loop, UV_RUN_ONCE);
    }
    return shell->failed;
}

struct now shell_now(void) {
    struct timespec wall;
    struct timespec mono;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_BOOTTIME, &mono); /* a night's suspend counts */
    return (struct now){.wall = {(int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000},
                        .mono = {(int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000}};
}

/* ---- sockets ---- */

static enum err listen_tcp(struct shell *shell, const char *address, char *why) {
    struct sockaddr_storage where;
    (void)snprintf(why, CORE_JOURNAL_MAX, "%s", address);
    if (!parse_address(address, &where)) {
        return ERR_USER_SYNTAX;
    }
    (void)uv_tcp_init(&shell->loop, &shell->listener);
    shell->listener.data = shell;
    unsigned flags = 0;
    int code = uv_tcp_bind(&shell->listener, (const struct sockaddr *)&where, flags);
    if (code == 0) { /* libuv reports a taken port only when it listens */
        code = uv_listen((uv_stream_t *)&shell->listener, BACKLOG, on_connection);
    }
    if (code == UV_EADDRINUSE) {
        return ERR_HOST_LOCKED;
    }
    return code == 0 ? ERR_OK : ERR_HOST_NETWORK;
}

/* A socket file that nobody answers is left from a crash and goes; the supervisor holds the
 * folder's lock, so no second node can be behind it. */
static enum err listen_control(struct shell *shell, const char *home, char *why) {
    int len = snprintf(shell->control_path, sizeof shell->control_path, "%s/control.sock", home);
    (void)snprintf(why, CORE_JOURNAL_MAX, "%.200s/control.sock", home);
    if (len < 0 || (size_t)len >= 108) { /* sun_path */
        return ERR_HOST_NETWORK;
    }
    (void)uv_pipe_init(&shell->loop, &shell->control, 0);
    shell->control.data = shell;
    if (unlink(shell->control_path) != 0 && errno != ENOENT) {
        return ERR_HOST_PERMISSION;
    }
    mode_t before = umask(0117); /* 0660: the group stoop-owners reads the inbox */
    int code = uv_pipe_bind(&shell->control, shell->control_path);
    (void)umask(before);
    if (code == 0) {
        code = uv_listen((uv_stream_t *)&shell->control, CORE_CLIENTS_MAX, on_client);
    }
    return code == 0 ? ERR_OK : code == UV_ENOSPC ? ERR_HOST_DISK : ERR_HOST_PERMISSION;
}

static bool parse_address(const char *text, struct sockaddr_storage *out) {
    char host[ADDRESS_MAX_BYTES];
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    if (colon == NULL || strlen(text) >= sizeof host) {
        return false;
    }
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port > 65535) {
        return false;
    }
    *out = (struct sockaddr_storage){0};
    if (text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
        (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text - 2), text + 1);
        return uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)out) == 0;
    }
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)out) == 0;
}

/* ---- turns ---- */

static void step(struct shell *shell, const struct core_event *event) {
    ASSERT(!shell->releasing);
    if (shell->core == NULL || shell->stopping) {
        return;
    }
    if (shell->in_turn && !core_turn_has_room(shell->core)) {
        turn_end(shell);
    }
    enum err err = ERR_OK;
    if (!shell->in_turn) {
        err = core_turn_begin(shell->core);
        shell->in_turn = err == ERR_OK;
    }
    if (err == ERR_OK) {
        err = core_step(shell->core, event, shell_now());
    }
    if (err != ERR_OK) {
        stop(shell, err);
    }
}

static void turn_end(struct shell *shell) {
    if (!shell->in_turn || shell->stopping) {
        return;
    }
    struct core_effects effects = {0};
    shell->in_turn = false;
    enum err err = core_turn_end(shell->core, &effects);
    if (err != ERR_OK) {
        stop(shell, err);
        return;
    }
    shell->releasing = true;
    for (size_t i = 0; i < effects.count; i++) {
        release(shell, &effects.list[i]);
    }
    shell->releasing = false;
}

static void release(struct shell *shell, const struct core_effect *effect) {
    struct endpoint *endpoint = NULL;
    switch (effect->kind) {
    case CORE_DO_DIAL:
        dial(shell, effect);
        break;
    case CORE_DO_SEND:
        endpoint = endpoint_find(shell, ENDPOINT_LINK, effect->link);
        if (endpoint != NULL) {
            endpoint_send(endpoint, effect->data, false);
        }
        break;
    case CORE_DO_SEND_FILE:
        endpoint = endpoint_find(shell, ENDPOINT_LINK, effect->link);
        if (endpoint != NULL) {
            endpoint_send_file(endpoint, effect);
        }
        break;
    case CORE_DO_CLOSE:
        endpoint = endpoint_find(shell, ENDPOINT_LINK, effect->link);
        if (endpoint != NULL) {
            endpoint_leave(endpoint);
        }
        break;
    case CORE_DO_REPLY:
        endpoint = endpoint_find(shell, ENDPOINT_CLIENT, effect->link);
        if (endpoint != NULL) {
            endpoint_send(endpoint, effect->data, true);
        }
        break;
    case CORE_DO_CLOSE_CLIENT:
        endpoint = endpoint_find(shell, ENDPOINT_CLIENT, effect->link);
        if (endpoint != NULL) {
            endpoint_leave(endpoint);
        }
        break;
    case CORE_DO_INGEST:
        if (shell->ingest != NULL && !shell->ingest->closing) {
            endpoint_send(shell->ingest, effect->data, true);
        }
        break;
    case CORE_DO_WORK:
        start_job(shell, effect->work);
        break;
    case CORE_DO_JOURNAL:
        (void)fprintf(stderr, "%.*s\n", (int)effect->data.len, (const char *)effect->data.at);
        break;
    }
}

static void start_job(struct shell *shell, struct core_work *work) {
    struct job *job = calloc(1, sizeof *job);
    if (job != NULL) {
        job->work.data = job;
        job->shell = shell;
        job->of = work;
        if (uv_queue_work(&shell->loop, &job->work, on_job, on_job_done) == 0) {
            shell->jobs++;
            return;
        }
    }
    free(job);
    stop(shell, ERR_HOST_MEMORY);
}

static void tell_drained(struct shell *shell) {
    for (struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->told_drained || e->closing || e->leaving || e->first != NULL) {
            continue;
        }
        e->told_drained = true;
        if (e->kind == ENDPOINT_LINK || e->kind == ENDPOINT_CLIENT) {
            step(shell,
                 &(struct core_event){.kind = e->kind == ENDPOINT_LINK ? CORE_EV_LINK_DRAINED
                                                                       : CORE_EV_CLIENT_DRAINED,
                                      .link = e->number});
        }
    }
}

/* Links that had to wait. */
static void read_on(struct shell *shell) {
    for (struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->waiting && !e->closing && core_link_has_room(shell->core, e->number)) {
            e->waiting = false;
            if (uv_read_start(&e->uv.stream, on_alloc, on_read) != 0) {
                endpoint_down(e);
            }
        }
    }
}

static void set_timer(struct shell *shell) {
    struct now now = shell_now();
    struct tick due = core_deadline(shell->core, now);
    for (const struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->leaving && !e->closing) {
            due = tick_earliest(due, (struct tick){(int64_t)e->leave_by});
        } else if (!e->told_drained && e->first == NULL && !e->closing) {
            due = now.mono; /* its event belongs to the next turn, without waiting */
        }
    }
    if (due.ms == TICK_NEVER.ms) {
        (void)uv_timer_stop(&shell->timer);
        return;
    }
    int64_t wait = due.ms - now.mono.ms;
    uv_update_time(&shell->loop);
    (void)uv_timer_start(&shell->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void stop(struct shell *shell, enum err err) {
    shell->stopping = true;
    shell->failed = err;
    uv_stop(&shell->loop);
}

/* ---- endpoints ---- */

static struct endpoint *endpoint_new(struct shell *shell, enum endpoint_kind kind,
                                     uint64_t number) {
    struct endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL) {
        return NULL;
    }
    endpoint->shell = shell;
    endpoint->kind = kind;
    endpoint->number = number;
    endpoint->told_drained = true;
    buffer_init(&endpoint->input, FRAME_HEADER + CONTROL_FRAME_MAX);
    switch (kind) {
    case ENDPOINT_LINK:
        (void)uv_tcp_init(&shell->loop, &endpoint->uv.tcp);
        break;
    case ENDPOINT_CLIENT:
    case ENDPOINT_INGEST:
        (void)uv_pipe_init(&shell->loop, &endpoint->uv.pipe, 0);
        break;
    case ENDPOINT_SUPERVISOR:
        (void)uv_pipe_init(&shell->loop, &endpoint->uv.pipe, 1);
        break;
    }
    endpoint->uv.handle.data = endpoint;
    endpoint->next = shell->endpoints;
    shell->endpoints = endpoint;
    return endpoint;
}

static struct endpoint *endpoint_find(struct shell *shell, enum endpoint_kind kind,
                                      uint64_t number) {
    for (struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->kind == kind && e->number == number && !e->closing && !e->leaving) {
            return e;
        }
    }
    return NULL;
}

/* The other end is gone. Effects may be under release: core hears of it later, once. */
static void endpoint_down(struct endpoint *endpoint) {
    if (endpoint->closing) {
        return;
    }
    endpoint->untold = !endpoint->leaving;
    endpoint_close(endpoint);
    if (endpoint->kind == ENDPOINT_SUPERVISOR) {
        stop(endpoint->shell, ERR_OK); /* nobody would restart ingest or us: end in good order */
    }
}

static void tell_down(struct endpoint *endpoint) {
    struct shell *shell = endpoint->shell;
    struct core_event event = {.link = endpoint->number};
    if (!endpoint->untold) {
        return;
    }
    endpoint->untold = false;
    switch (endpoint->kind) {
    case ENDPOINT_LINK:
        event.kind = CORE_EV_LINK_DOWN;
        break;
    case ENDPOINT_CLIENT:
        event.kind = CORE_EV_CLIENT_DOWN;
        break;
    case ENDPOINT_INGEST:
        event.kind = CORE_EV_INGEST_DOWN;
        shell->ingest = NULL;
        break;
    case ENDPOINT_SUPERVISOR:
        shell->supervisor = NULL;
        return;
    }
    step(shell, &event);
}

static void endpoint_close(struct endpoint *endpoint) {
    if (!endpoint->closing) {
        endpoint->closing = true;
        uv_close(&endpoint->uv.handle, on_closed);
    }
}

static void endpoint_leave(struct endpoint *endpoint) {
    endpoint->leaving = true;
    endpoint->leave_by = (uint64_t)shell_now().mono.ms + LINGER_MS;
    if (endpoint->first == NULL || !endpoint->up) {
        endpoint_close(endpoint);
        return;
    }
    size_t lingering = 0;
    struct endpoint *oldest = endpoint;
    for (struct endpoint *e = endpoint->shell->endpoints; e != NULL; e = e->next) {
        if (e->leaving && !e->closing) {
            lingering++;
            oldest = e->leave_by < oldest->leave_by ? e : oldest;
        }
    }
    if (lingering > LINGER_MAX) { /* made by a peer that asks, reads nothing and breaks the rules */
        endpoint_close(oldest);
    }
}

static void endpoint_send(struct endpoint *endpoint, struct bytes data, bool framed) {
    size_t header = framed ? FRAME_HEADER : 0;
    if (endpoint->kind == ENDPOINT_CLIENT && endpoint->queued > CLIENT_QUEUE_MAX) {
        endpoint_down(endpoint); /* asks much and reads nothing */
        return;
    }
    struct outgoing *item = malloc(sizeof *item + header + data.len);
    if (item == NULL) {
        endpoint_down(endpoint);
        return;
    }
    *item = (struct outgoing){.file = -1, .length = header + data.len};
    if (framed) {
        write_u32(item->data, (uint32_t)data.len);
    }
    if (data.len > 0) {
        memcpy(item->data + header, data.at, data.len);
    }
    enqueue(endpoint, item);
}

static void endpoint_send_file(struct endpoint *endpoint, const struct core_effect *effect) {
    int file = disk_open(&endpoint->shell->disk, effect);
    struct outgoing *item = file < 0 ? NULL : malloc(sizeof *item);
    if (item == NULL) { /* the run was announced: without it the link means nothing any more */
        if (file >= 0) {
            (void)close(file);
        }
        endpoint_down(endpoint);
        return;
    }
    *item = (struct outgoing){
        .file = file, .offset = (off_t)effect->offset, .length = (size_t)effect->length};
    enqueue(endpoint, item);
}

static void enqueue(struct endpoint *endpoint, struct outgoing *item) {
    if (endpoint->last == NULL) {
        endpoint->first = item;
    } else {
        endpoint->last->next = item;
    }
    endpoint->last = item;
    endpoint->queued += item->file < 0 ? item->length : 0;
    endpoint->told_drained = false;
    pump(endpoint);
}

/* Sends what the system takes now; the rest goes on from on_written. */
static void pump(struct endpoint *endpoint) {
    while (endpoint->up && !endpoint->closing && !endpoint->writing && endpoint->first != NULL) {
        struct outgoing *item = endpoint->first;
        bool done = item->file < 0 ? pump_bytes(endpoint, item) : pump_file(endpoint, item);
        if (!done) {
            return;
        }
        drop_first(endpoint);
    }
    if (endpoint->leaving && endpoint->first == NULL) {
        endpoint_close(endpoint);
    }
}

static bool pump_bytes(struct endpoint *endpoint, struct outgoing *item) {
    uv_buf_t part =
        uv_buf_init((char *)item->data + item->sent, (unsigned)(item->length - item->sent));
    int sent = uv_try_write(&endpoint->uv.stream, &part, 1);
    if (sent > 0) {
        item->sent += (size_t)sent;
    } else if (sent != UV_EAGAIN && sent != 0) {
        endpoint_down(endpoint);
        return false;
    }
    if (item->sent == item->length) {
        return true;
    }
    write_part(endpoint, item->data + item->sent, item->length - item->sent);
    item->sent = item->length;
    return false;
}

/* sendfile while the socket takes it. When it does not, one part is copied and written through
 * libuv, whose callback says that the socket takes more. */
static bool pump_file(struct endpoint *endpoint, struct outgoing *item) {
    uv_os_fd_t fd = -1;
    if (uv_fileno(&endpoint->uv.handle, &fd) != 0) {
        endpoint_down(endpoint);
        return false;
    }
    while (item->length > 0) {
        ssize_t sent = sendfile(fd, item->file, &item->offset, item->length);
        if (sent > 0) {
            item->length -= (size_t)sent;
            continue;
        }
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent == 0 || errno != EAGAIN) {
            endpoint_down(endpoint);
            return false;
        }
        if (endpoint->file_part == NULL) {
            endpoint->file_part = malloc(FILE_BYTES);
        }
        size_t want = item->length < FILE_BYTES ? item->length : FILE_BYTES;
        ssize_t got = endpoint->file_part == NULL
                          ? -1
                          : pread(item->file, endpoint->file_part, want, item->offset);
        if (got <= 0) {
            endpoint_down(endpoint);
            return false;
        }
        item->offset += got;
        item->length -= (size_t)got;
        write_part(endpoint, endpoint->file_part, (size_t)got);
        return false;
    }
    return true;
}

static void write_part(struct endpoint *endpoint, uint8_t *at, size_t len) {
    uv_buf_t part = uv_buf_init((char *)at, (unsigned)len);
    endpoint->write.data = endpoint;
    if (uv_write(&endpoint->write, &endpoint->uv.stream, &part, 1, on_written) != 0) {
        endpoint_down(endpoint);
        return;
    }
    endpoint->writing = true;
}

static void drop_first(struct endpoint *endpoint) {
    struct outgoing *item = endpoint->first;
    endpoint->first = item->next;
    if (item->next == NULL) {
        endpoint->last = NULL;
    }
    if (item->file >= 0) {
        (void)close(item->file);
    } else {
        endpoint->queued -= item->length;
    }
    free(item);
}

static void start_reading(struct endpoint *endpoint) {
    endpoint->up = true;
    if (uv_read_start(&endpoint->uv.stream, on_alloc, on_read) != 0) {
        endpoint_down(endpoint);
        return;
    }
    pump(endpoint);
}

static void take_frames(struct endpoint *endpoint, struct bytes data) {
    struct shell *shell = endpoint->shell;
    struct buffer *input = &endpoint->input;
    enum core_event_kind kind =
        endpoint->kind == ENDPOINT_CLIENT ? CORE_EV_CLIENT_FRAME : CORE_EV_INGEST_FRAME;
    if (buffer_append(input, data) != ERR_OK) {
        endpoint_down(endpoint);
        return;
    }
    size_t at = 0;
    while (!endpoint->closing && input->len - at >= FRAME_HEADER) {
        size_t len = read_u32(input->at + at);
        if (len > CONTROL_FRAME_MAX) {
            endpoint_down(endpoint);
            return;
        }
        if (input->len - at - FRAME_HEADER < len) {
            break;
        }
        step(shell, &(struct core_event){.kind = kind,
                                         .link = endpoint->number,
                                         .data = {input->at + at + FRAME_HEADER, len}});
        at += FRAME_HEADER + len;
    }
    buffer_drop_front(input, at);
    if (input->len == 0) {
        buffer_finish(input); /* an idle client holds no memory */
    }
}

static void dial(struct shell *shell, const struct core_effect *effect) {
    struct sockaddr_storage where;
    struct endpoint *endpoint = endpoint_new(shell, ENDPOINT_LINK, effect->link);
    if (endpoint == NULL) {
        return; /* core's own deadline ends the dial */
    }
    endpoint->connect.data = endpoint;
    if (!parse_address(effect->address, &where) ||
        uv_tcp_connect(&endpoint->connect, &endpoint->uv.tcp, (const struct sockaddr *)&where,
                       on_connect) != 0) {
        endpoint_down(endpoint);
    }
}

static void ingest_start(struct shell *shell, struct endpoint *endpoint) {
    shell->ingest = endpoint;
    start_reading(endpoint);
    step(shell, &(struct core_event){.kind = CORE_EV_INGEST_UP});
}

/* ---- callbacks ---- */

/* A few in each pass: libuv would accept for as long as connections come, and what gives way to
 * them (core's to say) is closed only when the turn ends. So a flood costs no more descriptors than
 * it has slots, and everybody else gets their turn. */
static void on_connection(uv_stream_t *listener, int status) {
    struct shell *shell = listener->data;
    if (status != 0) {
        return;
    }
    if (shell->accepted == ACCEPTS_A_PASS) {
        shell->accept_waits = true;
        return;
    }
    accept_link(shell);
}

static void accept_link(struct shell *shell) {
    struct endpoint *endpoint = endpoint_new(shell, ENDPOINT_LINK, shell->next_number);
    if (endpoint == NULL) {
        shell->accept_waits = true;
        return;
    }
    shell->accepted++;
    shell->next_number += 2;
    if (shell->core == NULL ||
        uv_accept((uv_stream_t *)&shell->listener, &endpoint->uv.stream) != 0) {
        endpoint_close(endpoint);
        return;
    }
    char address[ADDRESS_MAX_BYTES];
    (void)uv_tcp_nodelay(&endpoint->uv.tcp, 1);
    step(shell, &(struct core_event){.kind = CORE_EV_LINK_IN,
                                     .link = endpoint->number,
                                     .address = peer_address(endpoint, address) ? address : NULL});
    start_reading(endpoint);
}

static bool peer_address(const struct endpoint *endpoint, char out[ADDRESS_MAX_BYTES]) {
    struct sockaddr_storage from;
    char host[64];
    int len = sizeof from;
    if (uv_tcp_getpeername(&endpoint->uv.tcp, (struct sockaddr *)&from, &len) != 0 ||
        uv_ip_name((struct sockaddr *)&from, host, sizeof host) != 0) {
        return false;
    }
    bool six = from.ss_family == AF_INET6;
    uint16_t port =
        six ? ((struct sockaddr_in6 *)&from)->sin6_port : ((struct sockaddr_in *)&from)->sin_port;
    int made = snprintf(out, ADDRESS_MAX_BYTES, six ? "[%s]:%u" : "%s:%u", host, ntohs(port));
    return made > 0 && made < ADDRESS_MAX_BYTES;
}

static void on_client(uv_stream_t *listener, int status) {
    if (status == 0) {
        accept_client(listener->data);
    }
}

/* The bound is core's; who comes beyond it waits until another leaves. */
static void accept_client(struct shell *shell) {
    struct endpoint *endpoint =
        clients_full(shell) ? NULL : endpoint_new(shell, ENDPOINT_CLIENT, shell->next_number);
    if (endpoint == NULL) {
        shell->client_waits = true;
        return;
    }
    shell->next_number += 2;
    if (shell->core == NULL ||
        uv_accept((uv_stream_t *)&shell->control, &endpoint->uv.stream) != 0) {
        endpoint_close(endpoint);
        return;
    }
    step(shell, &(struct core_event){.kind = CORE_EV_CLIENT_IN, .link = endpoint->number});
    start_reading(endpoint);
}

static bool clients_full(const struct shell *shell) {
    size_t count = 0;
    for (const struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        count += e->kind == ENDPOINT_CLIENT;
    }
    return count >= CORE_CLIENTS_MAX;
}

static void on_connect(uv_connect_t *connect, int status) {
    struct endpoint *endpoint = connect->data;
    if (endpoint->closing) {
        return;
    }
    if (status != 0) {
        endpoint_down(endpoint);
        return;
    }
    (void)uv_tcp_nodelay(&endpoint->uv.tcp, 1);
    step(endpoint->shell, &(struct core_event){.kind = CORE_EV_LINK_OUT, .link = endpoint->number});
    start_reading(endpoint);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    (void)suggested;
    struct endpoint *endpoint = handle->data;
    *out = uv_buf_init((char *)endpoint->shell->read_buffer, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer) {
    struct endpoint *endpoint = stream->data;
    if (len == 0) {
        return;
    }
    if (len < 0) {
        endpoint_down(endpoint);
        return;
    }
    struct bytes data = {(const uint8_t *)buffer->base, (size_t)len};
    if (endpoint->leaving) {
        return; /* core has done with it */
    }
    if (endpoint->kind == ENDPOINT_LINK) {
        step(endpoint->shell, &(struct core_event){.kind = CORE_EV_LINK_BYTES,
                                                   .link = endpoint->number,
                                                   .data = data});
        struct core *core = endpoint->shell->core;
        if (core != NULL && !endpoint->closing && !core_link_has_room(core, endpoint->number)) {
            endpoint->waiting = true;
            (void)uv_read_stop(stream);
        }
    } else {
        take_frames(endpoint, data);
    }
}

/* The supervisor sends a byte with a descriptor: ingest was started anew. */
static void on_supervisor(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer) {
    (void)buffer;
    struct endpoint *supervisor = stream->data;
    struct shell *shell = supervisor->shell;
    if (len < 0) {
        endpoint_down(supervisor);
        return;
    }
    while (uv_pipe_pending_count(&supervisor->uv.pipe) > 0) {
        struct endpoint *ingest = endpoint_new(shell, ENDPOINT_INGEST, 0);
        if (ingest == NULL || uv_accept(stream, &ingest->uv.stream) != 0) {
            stop(shell, ERR_HOST_NETWORK);
            return;
        }
        if (shell->ingest != NULL) {
            endpoint_down(shell->ingest);
            tell_down(shell->ingest); /* before core hears of the new one */
        }
        ingest_start(shell, ingest);
    }
}

static void on_written(uv_write_t *write, int status) {
    struct endpoint *endpoint = write->data;
    endpoint->writing = false;
    if (endpoint->closing) {
        return;
    }
    if (status != 0) {
        endpoint_down(endpoint);
        return;
    }
    struct outgoing *item = endpoint->first;
    ASSERT(item != NULL);
    if (item->file < 0 ? item->sent == item->length : item->length == 0) {
        drop_first(endpoint);
    }
    if (endpoint->first == NULL || endpoint->first->file < 0) {
        free(endpoint->file_part);
        endpoint->file_part = NULL;
    }
    pump(endpoint);
}

static void on_job(uv_work_t *work) {
    core_work_do(((struct job *)work->data)->of);
}

static void on_job_done(uv_work_t *work, int status) {
    (void)status;
    struct job *job = work->data;
    struct shell *shell = job->shell;
    struct core_event event = {.kind = CORE_EV_WORKED, .work = job->of};
    shell->jobs--;
    free(job);
    step(shell, &event);
}

static void on_closed(uv_handle_t *handle) {
    struct endpoint *endpoint = handle->data;
    tell_down(endpoint);
    struct endpoint **link = &endpoint->shell->endpoints;
    while (*link != endpoint) {
        link = &(*link)->next;
    }
    *link = endpoint->next;
    while (endpoint->first != NULL) {
        drop_first(endpoint);
    }
    buffer_finish(&endpoint->input);
    free(endpoint->file_part);
    free(endpoint);
}

static void on_timer(uv_timer_t *timer) {
    struct shell *shell = timer->data;
    uint64_t now = (uint64_t)shell_now().mono.ms;
    for (struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->leaving && !e->closing && now >= e->leave_by) {
            endpoint_close(e);
        }
    }
    step(shell, &(struct core_event){.kind = CORE_EV_TICK});
}

static void on_prepare(uv_prepare_t *prepare) {
    struct shell *shell = prepare->data;
    shell->accepted = 0;
    if (shell->accept_waits) {
        shell->accept_waits = false;
        accept_link(shell);
    }
    if (shell->client_waits) {
        shell->client_waits = false;
        accept_client(shell);
    }
    turn_end(shell);
    tell_drained(shell); /* what a turn sent may have gone at once; its event belongs to the next */
    turn_end(shell);
    if (!shell->stopping) {
        read_on(shell);
        set_timer(shell);
    }
}

static void on_check(uv_check_t *check) {
    turn_end(check->data);
}

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    struct shell *shell = signal->data;
    turn_end(shell);
    stop(shell, shell->failed);
}

/* `stoop` has written it. One that cannot be read now is as if it said nothing new. */
static void on_watch(uv_timer_t *timer) {
    struct shell *shell = timer->data;
    uint8_t data[SIBLINGS_FILE_MAX];
    const struct seen_file now = look_at(shell->siblings);
    const struct seen_file *before = &shell->siblings_as;
    if (now.inode == before->inode && now.size == before->size &&
        now.changed.tv_sec == before->changed.tv_sec &&
        now.changed.tv_nsec == before->changed.tv_nsec) {
        return;
    }
    shell->siblings_as = now;
    int fd = open(shell->siblings, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : read(fd, data, sizeof data);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got >= 0) {
        step(shell, &(struct core_event){.kind = CORE_EV_SIBLINGS, .data = {data, (size_t)got}});
    }
}

static struct seen_file look_at(const char *path) {
    struct stat info;
    if (path == NULL || stat(path, &info) != 0) {
        return (struct seen_file){.size = 0};
    }
    return (struct seen_file){.inode = info.st_ino, .size = info.st_size, .changed = info.st_mtim};
}

static void close_any(uv_handle_t *handle, void *context) {
    struct shell *shell = context;
    if (uv_is_closing(handle)) {
        return;
    }
    if (handle->data == shell) { /* one of the shell's own */
        uv_close(handle, NULL);
    } else {
        endpoint_close(handle->data);
    }
}
