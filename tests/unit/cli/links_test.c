/* The picture of this home's links: the same links give the same bytes, whatever neighbours call
 * themselves. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "tests/support/check.h"

enum {
    COLUMNS = 80
};

static struct control_reply reply;

static void add(const char *name, uint8_t certificate, bool dialled, bool eager, bool anchor) {
    struct peer_link *link = &reply.as.peers.links[reply.as.peers.link_count++];
    *link = (struct peer_link){.dialled = dialled, .eager = eager, .anchor = anchor};
    (void)snprintf(link->name, sizeof link->name, "%s", name);
    memset(link->certificate.b, certificate, sizeof link->certificate.b);
}

static void start(void) {
    memset(&reply, 0, sizeof reply);
    (void)snprintf(reply.as.peers.name, NAME_MAX_BYTES, "Ada");
    memset(reply.as.peers.certificate.b, 0xad, sizeof reply.as.peers.certificate.b);
}

static char *drawn(void (*draw)(FILE *to, const struct control_reply *peers)) {
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    CHECK(to != NULL);
    links_sort(&reply);
    draw(to, &reply);
    CHECK(fclose(to) == 0);
    return text;
}

static void draws(void (*draw)(FILE *to, const struct control_reply *peers), const char *wanted) {
    char *text = drawn(draw);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_an_edge_says_who_dialled_and_what_goes_over_it(void **state) {
    (void)state;
    start();
    add("Eve", 0x5e, false, false, false);
    add("Ben", 0x5b, true, true, true);
    add("Dora", 0x5d, true, false, false);
    add("Cleo", 0x5c, false, true, false);
    draws(links_picture, "              +==tree==> Ben (5b5b5b5b), anchor\n"
                         "  this home --+<==tree== Cleo (5c5c5c5c)\n"
                         "              +--ids---> Dora (5d5d5d5d)\n"
                         "              +<---ids-- Eve (5e5e5e5e)\n");
    draws(links_dot, "digraph stoop {\n"
                     "    rankdir=LR;\n"
                     "    node [shape=box];\n"
                     "    \"adadadadadadadad\" [label=\"Ada\\nthis home\"];\n"
                     "    \"5b5b5b5b5b5b5b5b\" [label=\"Ben\\nanchor\"];\n"
                     "    \"5c5c5c5c5c5c5c5c\" [label=\"Cleo\"];\n"
                     "    \"5d5d5d5d5d5d5d5d\" [label=\"Dora\"];\n"
                     "    \"5e5e5e5e5e5e5e5e\" [label=\"Eve\"];\n"
                     "    \"adadadadadadadad\" -> \"5b5b5b5b5b5b5b5b\" [label=\"tree\"];\n"
                     "    \"5c5c5c5c5c5c5c5c\" -> \"adadadadadadadad\" [label=\"tree\"];\n"
                     "    \"adadadadadadadad\" -> \"5d5d5d5d5d5d5d5d\" [label=\"ids\", "
                     "style=dashed];\n"
                     "    \"5e5e5e5e5e5e5e5e\" -> \"adadadadadadadad\" [label=\"ids\", "
                     "style=dashed];\n"
                     "}\n");
}

static void test_one_link_and_none(void **state) {
    (void)state;
    start();
    draws(links_picture, "  this home   (no links)\n");
    draws(links_dot, "digraph stoop {\n    rankdir=LR;\n    node [shape=box];\n"
                     "    \"adadadadadadadad\" [label=\"Ada\\nthis home\"];\n}\n");
    add("Ben", 0x5b, true, true, false);
    draws(links_picture, "  this home --+==tree==> Ben (5b5b5b5b)\n");
}

/* By name, then by certificate, in whatever order the node has them. */
static void test_the_order_of_links_does_not_show(void **state) {
    (void)state;
    char *first = NULL;
    for (unsigned turn = 0; turn < CONTROL_PEERS_MAX; turn++) {
        start();
        for (unsigned i = 0; i < CONTROL_PEERS_MAX; i++) {
            unsigned which = (i * 5 + turn) % CONTROL_PEERS_MAX;
            add(which % 2 == 0 ? "Ben" : "Cleo", (uint8_t)(which + 1), which % 3 == 0, true, false);
        }
        char *text = drawn(links_picture);
        if (first == NULL) {
            first = text;
            continue;
        }
        assert_string_equal(text, first);
        free(text);
    }
    free(first);
}

static void test_no_name_breaks_the_picture(void **state) {
    (void)state;
    char longest[NAME_MAX_BYTES];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    start();
    add(longest, 0x01, true, true, true);
    add("\"]; evil -> \\", 0x02, true, true, false);
    add("a\xe2\x80\xae\x1b[2Jb", 0x03, true, true, false);
    char *text = drawn(links_picture);
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        CHECK(at[len] == '\n');
        CHECK(len <= COLUMNS + 2); /* an ellipsis is three bytes and one column */
        at += len + 1;
    }
    CHECK(strstr(text, "a<202E><1B>[2Jb (03030303)\n") != NULL);
    free(text);
    text = drawn(links_dot);
    CHECK(strstr(text, "[label=\"\\\"]; evil -> \\\\\"];\n") != NULL);
    CHECK(strchr(text, '\x1b') == NULL);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_edge_says_who_dialled_and_what_goes_over_it),
        cmocka_unit_test(test_one_link_and_none),
        cmocka_unit_test(test_the_order_of_links_does_not_show),
        cmocka_unit_test(test_no_name_breaks_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
