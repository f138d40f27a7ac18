/* Meeting by words that are said (PROTOCOL 4.10), for the commands that invite and join. */
#ifndef CLI_CMD_MEET_H
#define CLI_CMD_MEET_H

#include "cli/cli.h"

/* An invite, also as it is typed. Whoever has the secret in it gets in: wiped on every way out. */
struct invitation {
    struct invite_code code;
    char text[CODE_MAX_BYTES];
};
void invitation_wipe(struct invitation *invitation);

/* Gives it out by a spoken code, shows that, and waits until it was used, burned or ended. */
struct meet_offered {
    long minutes;
    const char *community; /* its name */
};
int meet_offer(const struct cli *cli, struct client *client, const struct invitation *invitation,
               const struct meet_offered *offered);
/* Shows whom this introduction is to, and into which community, where it is whole, not over, and
 * there is somebody to ask for the words. EXIT codes after printing. */
int meet_introduce(const char *text, struct id *community);
/* Asks for the words, then the sponsor's home; `code` is the invite that it gives for them. The
 * words are good for one attempt: what else could fail has to be done before. */
int meet_sponsor(struct client *client, const char *text, char code[CODE_MAX_BYTES]);
/* What stands for a community and a sponsor, on stderr, behind labels of so many columns. */
enum {
    MEET_HOME_COLUMNS = 15
};
void meet_show_home(const struct id *community, const struct box_public *sponsor, size_t count,
                    const char addresses[][ADDRESS_MAX_BYTES]);
/* To whoever was shown that; and to who made the invite, the same of this home. */
void meet_say_compare(void);
void meet_show_own(const char *name, const struct invite_code *code);

#endif
