/* One connection from its beginning to its close callback: a link, a control client, ingest or the
 * supervisor. What core gives it waits in a queue while the system does not take it; what it brings
 * goes straight into core. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "node/shell/parts.h"

enum {
    FILE_BYTES = 4 * 1024, /* what is copied when the socket would not take a file run */
    LINGER_MS = 10 * 1000, /* a closed endpoint has so long to take what it was given */
    LINGER_MAX = 32,
    CLIENT_QUEUE_MAX = 4 * 1024 * 1024,
    FRAME_HEADER = 4,
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

static void on_closed(uv_handle_t *handle);
static void enqueue(struct endpoint *endpoint, struct outgoing *item);
static void pump(struct endpoint *endpoint);
static bool pump_bytes(struct endpoint *endpoint, struct outgoing *item);
static bool pump_file(struct endpoint *endpoint, struct outgoing *item);
static void write_part(struct endpoint *endpoint, uint8_t *at, size_t len);
static void drop_first(struct endpoint *endpoint);
static void on_written(uv_write_t *write, int status);
static void take_frames(struct endpoint *endpoint, struct bytes data);
static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer);

/* ---- beginning, end ---- */

struct endpoint *endpoint_new(struct shell *shell, enum endpoint_kind kind, uint64_t number) {
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

struct endpoint *endpoint_find(struct shell *shell, enum endpoint_kind kind, uint64_t number) {
    for (struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->kind == kind && e->number == number && !e->closing && !e->leaving) {
            return e;
        }
    }
    return NULL;
}

/* The other end is gone. Effects may be under release: core hears of it later, once. */
void endpoint_down(struct endpoint *endpoint) {
    if (endpoint->closing) {
        return;
    }
    endpoint->untold = !endpoint->leaving;
    endpoint_close(endpoint);
    if (endpoint->kind == ENDPOINT_SUPERVISOR) {
        /* Nobody would restart ingest or us: end in good order. */
        shell_stop(endpoint->shell, ERR_OK);
    }
}

void endpoint_tell_down(struct endpoint *endpoint) {
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
    shell_step(shell, &event);
}

void endpoint_close(struct endpoint *endpoint) {
    if (!endpoint->closing) {
        endpoint->closing = true;
        uv_close(&endpoint->uv.handle, on_closed);
    }
}

void endpoint_leave(struct endpoint *endpoint) {
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

static void on_closed(uv_handle_t *handle) {
    struct endpoint *endpoint = handle->data;
    endpoint_tell_down(endpoint);
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

/* ---- what goes out ---- */

void endpoint_send(struct endpoint *endpoint, struct bytes data, bool framed) {
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

void endpoint_send_file(struct endpoint *endpoint, const struct core_effect *effect) {
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

/* ---- what comes in ---- */

void endpoint_start_reading(struct endpoint *endpoint) {
    endpoint->up = true;
    if (uv_read_start(&endpoint->uv.stream, endpoint_on_alloc, on_read) != 0) {
        endpoint_down(endpoint);
        return;
    }
    pump(endpoint);
}

/* Links that had to wait. */
void endpoint_read_on(struct shell *shell) {
    for (struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        if (e->waiting && !e->closing && core_link_has_room(shell->core, e->number)) {
            e->waiting = false;
            if (uv_read_start(&e->uv.stream, endpoint_on_alloc, on_read) != 0) {
                endpoint_down(e);
            }
        }
    }
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
        shell_step(shell, &(struct core_event){.kind = kind,
                                               .link = endpoint->number,
                                               .data = {input->at + at + FRAME_HEADER, len}});
        at += FRAME_HEADER + len;
    }
    buffer_drop_front(input, at);
    if (input->len == 0) {
        buffer_finish(input); /* an idle client holds no memory */
    }
}

void endpoint_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
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
        shell_step(endpoint->shell, &(struct core_event){.kind = CORE_EV_LINK_BYTES,
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
