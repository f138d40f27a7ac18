/* How connections begin: the port for links and the socket for control clients, who is accepted on
 * them and when, and links that core dials. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/shell/parts.h"

enum {
    BACKLOG = 1024, /* a burst waits in the system, not in us */
    ACCEPTS_A_PASS = 16,
};

static bool parse_address(const char *text, struct sockaddr_storage *out);
static void on_connection(uv_stream_t *listener, int status);
static bool peer_address(const struct endpoint *endpoint, char out[ADDRESS_MAX_BYTES]);
static void on_client(uv_stream_t *listener, int status);
static bool clients_full(const struct shell *shell);
static void on_connect(uv_connect_t *connect, int status);

/* ---- listening ---- */

enum err sockets_listen(struct shell *shell, const char *address, char *why) {
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
enum err sockets_listen_control(struct shell *shell, const char *home, char *why) {
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

/* ---- accepting ---- */

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
    sockets_accept_link(shell);
}

void sockets_accept_link(struct shell *shell) {
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
    shell_step(shell,
               &(struct core_event){.kind = CORE_EV_LINK_IN,
                                    .link = endpoint->number,
                                    .address = peer_address(endpoint, address) ? address : NULL});
    endpoint_start_reading(endpoint);
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
        sockets_accept_client(listener->data);
    }
}

/* The bound is core's; who comes beyond it waits until another leaves. */
void sockets_accept_client(struct shell *shell) {
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
    shell_step(shell, &(struct core_event){.kind = CORE_EV_CLIENT_IN, .link = endpoint->number});
    endpoint_start_reading(endpoint);
}

static bool clients_full(const struct shell *shell) {
    size_t count = 0;
    for (const struct endpoint *e = shell->endpoints; e != NULL; e = e->next) {
        count += e->kind == ENDPOINT_CLIENT;
    }
    return count >= CORE_CLIENTS_MAX;
}

/* ---- dialling ---- */

void sockets_dial(struct shell *shell, const struct core_effect *effect) {
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
    shell_step(endpoint->shell,
               &(struct core_event){.kind = CORE_EV_LINK_OUT, .link = endpoint->number});
    endpoint_start_reading(endpoint);
}
