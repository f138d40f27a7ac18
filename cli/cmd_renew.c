/* renew: an act for a certificate that no home renews by itself (PROTOCOL 4.6, 4.9). */
#include <string.h>

#include "cli/decisions.h"
#include "cli/sent.h"
#include "cli/terms.h"

enum {
    DAYS = 365,
    BY_SPONSOR_DAYS =
        60, /* before its end, by the node of whoever brought it in, or a founder's own */
    BY_OTHERS_DAYS = 30, /* by those above that one */
    OVERDUE_DAYS = 25,   /* whoever should have done it has not */
};

struct prolonging {
    const struct listed *member;
    const struct listed *renewer; /* whose node does it by itself; NULL: nobody's */
    struct instant now, until;
    struct keyfile_public pub; /* of who signs */
};

static int take_renew_options(struct cli *cli, long *days);
static const struct listed *renewer_of(const struct listed *member);
static bool is_overdue(const struct prolonging *renewal);
static int judge(const struct prolonging *renewal);
static int renewed_anyway(const struct prolonging *renewal);
static size_t hang_on(const struct listed *member);
static void say_renewal(const struct prolonging *renewal);
static void say_why(const struct prolonging *renewal);
static void say_who_hangs(const struct listed *member);
static void say_above(const struct prolonging *renewal);
static int begin(struct cli *cli, struct client *client, const struct prolonging *renewal);

static struct decisions decisions;

int cmd_renew(struct cli *cli) {
    struct client *client = NULL;
    struct prolonging renewal = {.member = NULL};
    long days = DAYS;
    int failed = take_renew_options(cli, &days);
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_in_community(client);
    }
    if (failed == 0) {
        failed = decisions_load(cli, client, &decisions);
    }
    if (failed == 0) {
        failed = members_find(&decisions.members, cli->argv[1], &renewal.member);
    }
    if (failed == 0) {
        renewal.now = now_wall();
        renewal.until.ms = renewal.now.ms + days * DURATION_DAY_MS;
        renewal.renewer = renewer_of(renewal.member);
        failed = judge(&renewal);
    }
    if (failed == 0) {
        failed = decisions_may_begin(cli, &decisions, &renewal.pub);
    }
    if (failed == 0) {
        say_renewal(&renewal);
        failed = sent_ask("renew it, signed by you? [y/N] ", "whether to renew it", "not renewed");
    }
    if (failed == 0) {
        failed = begin(cli, client, &renewal);
    }
    decisions_finish(&decisions);
    client_close(client);
    return failed;
}

static int take_renew_options(struct cli *cli, long *days) {
    const char *text = NULL;
    const struct cli_option options[] = {{.name = "--days", .value = &text}};
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed == 0 && cli->json) {
        failed = usage_error(cli->command, "'--json' is for what asks nothing");
    }
    return failed == 0
               ? number_option(cli, text, (struct number_range){1, RENEWED_MAX_DAYS, "days"}, days)
               : failed;
}

/* The nearest above it that was not removed; a founder's own, before which nobody stands. */
static const struct listed *renewer_of(const struct listed *member) {
    const struct listed *at = member->sponsor == NULL ? member : member->sponsor;
    while (at != NULL && listed_gone(at)) {
        at = at->sponsor;
    }
    return at;
}

static bool is_overdue(const struct prolonging *renewal) {
    return renewal->member->ends.ms - renewal->now.ms < (int64_t)OVERDUE_DAYS * DURATION_DAY_MS;
}

static int judge(const struct prolonging *renewal) {
    const struct listed *member = renewal->member;
    char safe[SAFE_MAX];
    char day[DAY_BYTES];
    if (listed_gone(member) && hang_on(member) == 0) {
        return fail("it could come back as a new home alone, by a new invite",
                    "'%s' belongs no more, and nobody who does hangs on its certificate",
                    safe_text(member->member.name, NAME_MAX_BYTES, safe));
    }
    if (renewal->renewer != NULL && !is_overdue(renewal)) {
        return renewed_anyway(renewal);
    }
    day_text(member->ends, day);
    return member->ends.ms < renewal->until.ms
               ? 0
               : fail("give more days with '--days'",
                      "the certificate of '%s' runs until %s anyway",
                      safe_text(member->member.name, NAME_MAX_BYTES, safe), day);
}

static int renewed_anyway(const struct prolonging *renewal) {
    const struct listed *member = renewal->member;
    const struct listed *by = renewal->renewer;
    const bool nearest = by == member || by == member->sponsor;
    char next[SAFE_MAX + 128];
    char safe[SAFE_MAX];
    char day[DAY_BYTES];
    day_text(member->ends, day);
    (void)snprintf(next, sizeof next,
                   "%.300s does it by itself, in the last %d days before %s; in the last %d of "
                   "them administrators can too",
                   by == member ? "its own home" : safe_text(by->member.name, NAME_MAX_BYTES, safe),
                   (int)(nearest ? BY_SPONSOR_DAYS : BY_OTHERS_DAYS), day, (int)OVERDUE_DAYS);
    return fail(next, "the certificate of '%s' is renewed without administrators",
                safe_text(member->member.name, NAME_MAX_BYTES, safe));
}

/* How many belong no longer than it runs. */
static size_t hang_on(const struct listed *member) {
    size_t count = 0;
    for (size_t i = 0; i < decisions.members.count; i++) {
        const struct listed *listed = &decisions.members.list[i];
        count += listed_under(listed, member) && !listed_gone(listed) ? 1 : 0;
    }
    return count;
}

static void say_renewal(const struct prolonging *renewal) {
    const struct listed *member = renewal->member;
    char text[SAFE_MAX];
    char safe[SAFE_MAX];
    char since[DAY_BYTES];
    char ends[DAY_BYTES];
    char until[DAY_BYTES];
    char code[LINK_CODE_BYTES];
    link_code(&member->id, code);
    day_text(member->member.head.created, since);
    day_text(member->ends, ends);
    day_text(renewal->until, until);
    (void)snprintf(text, sizeof text, "%.400s (%s), %s since %s",
                   safe_text(member->member.name, NAME_MAX_BYTES, safe), code,
                   role_word(member->member.role), since);
    term_line("RENEW", "", text);
    (void)snprintf(text, sizeof text, "%s; its certificate %s %s", until,
                   instant_reached(renewal->now, member->ends) ? "ended on" : "would end on", ends);
    term_line("UNTIL", "", text);
    say_why(renewal);
    say_who_hangs(member);
    say_above(renewal);
    decisions_say_by(&decisions, &renewal->pub.owner.sign);
}

static void say_why(const struct prolonging *renewal) {
    const struct listed *member = renewal->member;
    char text[SAFE_MAX];
    char safe[SAFE_MAX];
    if (renewal->renewer != NULL) {
        (void)snprintf(text, sizeof text, "%.400s should have renewed it by itself, and has not",
                       renewal->renewer == member
                           ? "its own home"
                           : safe_text(renewal->renewer->member.name, NAME_MAX_BYTES, safe));
        term_line("BECAUSE", "", text);
    } else if (member->sponsor == NULL) {
        term_line("BECAUSE", "", "it founded the community and belongs no more: no home renews it");
    } else {
        term_line("BECAUSE", "", "nobody who vouched for it belongs any more: no home renews it");
    }
}

static void say_who_hangs(const struct listed *member) {
    char text[SAFE_MAX];
    size_t count = hang_on(member);
    if (listed_gone(member)) {
        term_line("STILL", "", "it belongs no more, and does not by this");
    }
    if (count > 0) {
        (void)snprintf(text, sizeof text,
                       "%zu whom it brought in, and they in turn, belong no longer than it runs",
                       count);
        term_line("FOR", "", text);
    }
}

/* Those above it may end before. */
static void say_above(const struct prolonging *renewal) {
    char text[SAFE_MAX];
    char safe[SAFE_MAX];
    char day[DAY_BYTES];
    for (const struct listed *at = renewal->member->sponsor; at != NULL; at = at->sponsor) {
        if (at->ends.ms < renewal->until.ms && renewer_of(at) == NULL) {
            day_text(at->ends, day);
            (void)snprintf(text, sizeof text,
                           "%.400s vouched for it, whose own certificate ends on %s: renew that "
                           "too, or this one ends with it",
                           safe_text(at->member.name, NAME_MAX_BYTES, safe), day);
            term_line("BUT", "", text);
        }
    }
}

static int begin(struct cli *cli, struct client *client, const struct prolonging *renewal) {
    static struct act act;
    decisions_start_act(&decisions, &act);
    act.has_renewed = true;
    act.renewed = (struct renewed){.member = renewal->member->id, .until = renewal->until};
    return decisions_begin(cli, client, &decisions, &act, (struct bytes){NULL, 0});
}
