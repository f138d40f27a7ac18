/* This home's links as a picture. It knows its own alone, so the picture is a star. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum {
    NAME_COLUMNS = 32, /* so that a line of the picture fits 80 */
    HUB_COLUMNS = 13,  /* of "  this home --" up to the bar, less one */
};

static int before(const void *a, const void *b);
static void write_node(FILE *to, const struct id *certificate, const char *name, const char *more);
static void write_key(FILE *to, const struct id *certificate);

void links_sort(struct control_reply *peers) {
    qsort(peers->as.peers.links, peers->as.peers.link_count, sizeof peers->as.peers.links[0],
          before);
}

void link_code(const struct id *certificate, char out[LINK_CODE_BYTES]) {
    char hex[2 * sizeof certificate->b + 1];
    hex_write(BYTES_OF(certificate->b), hex);
    (void)snprintf(out, LINK_CODE_BYTES, "%s", hex);
}

void links_picture(FILE *to, const struct control_reply *peers) {
    size_t count = peers->as.peers.link_count;
    if (count == 0) {
        (void)fputs("  this home   (no links)\n", to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct peer_link *link = &peers->as.peers.links[i];
        const char *edge = link->eager     ? link->dialled ? "==tree==>" : "<==tree=="
                           : link->dialled ? "--ids--->"
                                           : "<---ids--";
        char name[SAFE_MAX];
        char code[LINK_CODE_BYTES];
        link_code(&link->certificate, code);
        (void)fprintf(to, "%-*s+%s %s (%s)%s\n", HUB_COLUMNS + 1,
                      i == (count - 1) / 2 ? "  this home --" : "", edge,
                      safe_text(link->name, NAME_COLUMNS, name), code,
                      link->anchor ? ", anchor" : "");
    }
}

void links_dot(FILE *to, const struct control_reply *peers) {
    (void)fputs("digraph stoop {\n    rankdir=LR;\n    node [shape=box];\n", to);
    write_node(to, &peers->as.peers.certificate, peers->as.peers.name, "this home");
    for (size_t i = 0; i < peers->as.peers.link_count; i++) {
        const struct peer_link *link = &peers->as.peers.links[i];
        write_node(to, &link->certificate, link->name, link->anchor ? "anchor" : NULL);
    }
    for (size_t i = 0; i < peers->as.peers.link_count; i++) { /* from who dialled */
        const struct peer_link *link = &peers->as.peers.links[i];
        const struct id *self = &peers->as.peers.certificate;
        (void)fputs("    ", to);
        write_key(to, link->dialled ? self : &link->certificate);
        (void)fputs(" -> ", to);
        write_key(to, link->dialled ? &link->certificate : self);
        (void)fputs(link->eager ? " [label=\"tree\"];\n" : " [label=\"ids\", style=dashed];\n", to);
    }
    (void)fputs("}\n", to);
}

/* By what is shown: the same links give the same picture. */
static int before(const void *a, const void *b) {
    const struct peer_link *left = a;
    const struct peer_link *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0
               ? order
               : memcmp(left->certificate.b, right->certificate.b, sizeof left->certificate.b);
}

/* A name may hold anything that can be seen; in Graphviz's strings two characters have a meaning.
 */
static void write_node(FILE *to, const struct id *certificate, const char *name, const char *more) {
    char safe[SAFE_MAX];
    (void)fputs("    ", to);
    write_key(to, certificate);
    (void)fputs(" [label=\"", to);
    for (const char *at = safe_text(name, NAME_COLUMNS, safe); *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            (void)fputc('\\', to);
        }
        (void)fputc(*at, to);
    }
    (void)fprintf(to, "%s%s\"];\n", more == NULL ? "" : "\\n", more == NULL ? "" : more);
}

static void write_key(FILE *to, const struct id *certificate) {
    char hex[2 * sizeof certificate->b + 1];
    hex_write(BYTES_OF(certificate->b), hex);
    (void)fprintf(to, "\"%.16s\"", hex);
}
