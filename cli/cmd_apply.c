/* outsider apply: a home's way in from outside. */
#include <string.h>

#include "cli/entry.h"

static const struct told applied_told[] = {
    {ERR_USER_EXISTS,
     "this home has applied or is joining already, under another name or elsewhere",
     "apply with the name and owners of then to have that application again, or with '--anew' for "
     "another in its place: the earlier text is void then"}};

static int take_doors(const struct cli *cli, struct application *application, struct buffer *doors,
                      struct id *community);
static int check_not_elsewhere(const struct cli *cli, const struct entry *entry,
                               const struct id *community);
static int say_applied(const struct cli *cli, const char *text, bool voids);

/* Everything but for the act that it takes (PROTOCOL 4.11). */
int outsider_apply(struct cli *cli) {
    SCOPED(entry_close) struct entry entry = {0};
    SCOPED(buffer_finish) struct buffer member = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer doors = {.max = OUTSIDER_DOORS_MAX * CODE_MAX_BYTES};
    static struct control_reply reply;
    static char text[APPLICATION_MAX_BYTES];
    struct application application = {.kind = OUTSIDER_AGENCY};
    struct id community = {{0}};
    const char *kind = NULL;
    bool anew = false;
    const struct cli_option options[] = {
        {.name = "--name", .value = &entry.home_name, .needed = true},
        {.name = "--kind", .value = &kind, .needed = true},
        {.name = "--anew", .flag = &anew},
        co_sign_option(&entry.co_signers),
    };
    int failed = take_options(cli, options, COUNT_OF(options), "CODE [CODE] [CODE] [CODE]");
    if (failed == 0 && !name_good(entry.home_name)) {
        failed = bad_name(cli->command, entry.home_name);
    }
    if (failed == 0 && outsider_kind_from_word(kind, &application.kind) != ERR_OK) {
        failed = usage_error(cli->command, "'--kind' is agency, defence, insurer, press or other");
    }
    if (failed == 0) {
        failed = take_doors(cli, &application, &doors, &community);
    }
    if (failed == 0) {
        failed = entry_open(cli, &entry);
    }
    if (failed == 0 && !anew) {
        failed = check_not_elsewhere(cli, &entry, &community);
    }
    if (failed == 0) {
        entry.member = (struct member){.head = {.community = community, .created = now_wall()},
                                       .role = MEMBER_OUTSIDER};
        failed = entry_sign(&entry, NULL, &member);
    }
    if (failed == 0) {
        failed = entry_pin(cli, &entry, &community);
    }
    if (failed == 0) {
        const struct control_request request = {.op = CONTROL_OUTSIDE_APPLY,
                                                .total = anew ? 1 : 0,
                                                .blob = buffer_bytes(&member),
                                                .blob2 = buffer_bytes(&doors)};
        failed =
            client_one_told(entry.client, &request, CONTROL_GOT_DATA, &reply, TOLD(applied_told));
    }
    if (failed == 0) {
        application.member = reply.as.data.data;
        failed = application_write(&application, text) == ERR_OK
                     ? 0
                     : fail("give fewer doors, or shorter names", "the application is too long");
    }
    return failed == 0 ? say_applied(cli, text, anew && entry.applied) : failed;
}

/* Of one community, and each once. */
static int take_doors(const struct cli *cli, struct application *application, struct buffer *doors,
                      struct id *community) {
    int failed = 0;
    for (int i = 1; failed == 0 && i < cli->argc; i++) {
        struct door_code code;
        if (door_code_read(cli->argv[i], &code) != ERR_OK) {
            return fail("copy it whole, from '" DOOR_CODE_PREFIX "' to its end",
                        "this is not a whole door code");
        }
        for (size_t k = 0; k < application->door_count; k++) {
            if (id_equal(&application->doors[k], &code.home)) {
                return fail(NULL, "the same door is given twice");
            }
        }
        if (application->door_count == OUTSIDER_DOORS_MAX) {
            return fail(NULL, "no more than %d doors", (int)OUTSIDER_DOORS_MAX);
        }
        if (i > 1 && !id_equal(community, &code.community)) {
            return fail(NULL, "the doors belong to different communities");
        }
        *community = code.community;
        application->doors[application->door_count++] = code.home;
        const struct bytes text = {(const uint8_t *)cli->argv[i], strlen(cli->argv[i]) + 1};
        failed = buffer_append(doors, text) == ERR_OK ? 0 : fail(NULL, "out of memory");
    }
    return failed;
}

/* Before the earlier community is pinned no more. */
static int check_not_elsewhere(const struct cli *cli, const struct entry *entry,
                               const struct id *community) {
    const struct pinned_place *place = pins_place(&entry->pins, place_of(cli));
    bool elsewhere = entry->applied && place != NULL && place->has_community &&
                     !id_equal(&place->community, community);
    return elsewhere ? fail(applied_told[0].next, "%s", applied_told[0].said) : 0;
}

static int say_applied(const struct cli *cli, const char *text, bool voids) {
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "application", NULL, text);
        facts_end(facts);
        return 0;
    }
    (void)puts(text);
    term_note("", 0,
              "carry it to an administrator, who proposes it with 'stoop outsider propose'; "
              "it is no secret. 'stoop status' says when you were let in");
    if (voids) {
        term_note(
            "", 0,
            "what this home applied with before is void: whoever lets that in lets in nobody");
    }
    return 0;
}
