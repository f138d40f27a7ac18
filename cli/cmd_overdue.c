/* overdue: who has kept clips beyond their day, as every home of the community can count (P10). */
#include <string.h>

#include "cli/cli.h"

static void show_one(struct facts *facts, const struct asker_keeping *one);

int cmd_overdue(struct cli *cli) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_OVERDUE};
    struct client *client = NULL;
    size_t askers = 0;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_ask(client, &ask);
    }
    struct facts *facts = facts_start(cli, true);
    while (client_each(client, CONTROL_GOT_OVERDUE, &reply, &failed)) {
        show_one(facts, &reply.as.overdue);
        askers++;
    }
    client_close(client);
    if (failed != 0) {
        return failed;
    }
    if (askers == 0 && !cli->json) {
        (void)puts("nobody of this community has received a clip, as far as this home has seen");
        return EXIT_DONE;
    }
    facts_end(facts);
    if (!cli->json) {
        term_text("overdue: 48 hours beyond its day, and no deletion was signed; whose clips they "
                  "are is not known");
    }
    return EXIT_DONE;
}

static void show_one(struct facts *facts, const struct asker_keeping *one) {
    char code[LINK_CODE_BYTES];
    link_code(&one->certificate, code);
    facts_item(facts);
    facts_text(facts, "name", "asker", one->name[0] == '\0' ? code : one->name);
    facts_bytes(facts, "certificate", NULL, BYTES_OF(one->certificate.b));
    facts_number(facts, "received", "received", (int64_t)one->received);
    facts_number(facts, "deleted", "deleted", (int64_t)one->deleted);
    facts_number(facts, "overdue", "overdue", (int64_t)one->overdue);
    facts_number(facts, "unknown", "not known", (int64_t)one->unknown);
}

int client_keeping(struct client *client, const struct id *asker, struct asker_keeping *out) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_OVERDUE};
    int failed = client_ask(client, &ask);
    memset(out, 0, sizeof *out);
    while (client_each(client, CONTROL_GOT_OVERDUE, &reply, &failed)) {
        if (id_equal(&reply.as.overdue.certificate, asker)) {
            *out = reply.as.overdue;
        }
    }
    return failed;
}
