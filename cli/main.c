/* stoop: the person's command. One command, one question to the node, one answer printed. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

struct command {
    const char *name;
    const char *summary;
    int (*run)(struct cli *cli);
    const char *help;
};

static const struct command commands[] = {
    {"init", "make a home on this machine", cmd_init,
     "usage: stoop init [--name HOME] [--owner NAME] [--co-owner LINE]...\n\n"
     "Makes the data folder, the keys of node and ingest, the owner's key (sealed with a\n"
     "passphrase that you choose), and pins the owners' public keys.\n"
     "  --owner NAME     your name as neighbours see it (default: login name)\n"
     "  --co-owner LINE  the line that 'stoop key new' printed for another owner; may be repeated\n"
     "  --listen A:P     where to take dials (default 0.0.0.0:7878)\n"
     "  --address A:P    where others can dial this home; may be repeated\n\n"
     "example: stoop init --owner Ada --address 203.0.113.7:7878\n"},
    {"key", "owner keys: make one, show it, export it for age", cmd_key,
     "usage: stoop key new [--owner NAME] | key show | key export-age [--out FILE]\n\n"
     "'new' makes an owner key in the owner's folder (--owner-dir), for a co-owner.\n"
     "'export-age' writes the secret that opens this home's clips with the stock age tool.\n\n"
     "example: stoop --owner-dir ~/grace key new --owner Grace\n"},
    {"status", "how this home is doing", cmd_status,
     "usage: stoop status [--json]\n\nexample: stoop status\n"},
    {"doctor", "what this machine lacks", cmd_doctor,
     "usage: stoop doctor [--json]\n\nexample: stoop doctor\n"},
    {"community", "found a community, show its charter", cmd_community,
     "usage: stoop community found NAME [--slot SECONDS] [--allowance N] [--co-sign DIR]...\n"
     "       stoop community show [--json]\n\n"
     "  --slot SECONDS   length of a log slot, 1 to 3600 (default 60)\n"
     "  --allowance N    how many members each home may invite, 0 to 64 (default 8)\n"
     "  --co-sign DIR    owner folder of a co-owner who signs too\n\n"
     "example: stoop community found 'Elm Street'\n"},
    {"members", "who belongs to the community", cmd_members,
     "usage: stoop members [--json]\n\nexample: stoop members\n"},
    {"invite", "make a one-use invite", cmd_invite,
     "usage: stoop invite [--days N] [--role home|requester] [--allowance N] [--no-qr]\n\n"
     "Prints a code, as text and as a QR picture, that lets one home join within N days\n"
     "(default 2). Send it to one person only: who uses it first has it.\n\n"
     "example: stoop invite --days 7\n"},
    {"join", "join a community with an invite", cmd_join,
     "usage: stoop join CODE [--name HOME] [--co-sign DIR]...\n\n"
     "example: stoop join stoop1:AAAA...\n"},
    {"camera", "cameras that may be asked about: add, list, remove", cmd_camera,
     "usage: stoop camera add NAME --folder DIR --layout frigate|mediamtx|motion|plain\n"
     "                        --at LAT,LON --reach METRES [--facing DEG --angle DEG]\n"
     "                        [--indoor [--open]] [--clock-offset MS] [--owner NAME]...\n"
     "                        [--co-sign DIR]...\n"
     "       stoop camera list [--json]\n"
     "       stoop camera remove NAME [--co-sign DIR]...\n\n"
     "A camera's place never leaves this home. Without --owner all owners must accept.\n\n"
     "example: stoop camera add porch --folder /srv/cctv/porch --layout motion \\\n"
     "           --at 52.52001,13.40495 --reach 30 --facing 90 --angle 100\n"},
    {"request", "ask the community for footage", cmd_request,
     "usage: stoop request --at LAT,LON --radius METRES --from TIME --to TIME --reason TEXT\n"
     "                     (--voluntary | --process FILE [--document FILE])\n"
     "                     [--days N] [--delete-days N] [--yes]\n\n"
     "TIME is RFC 3339 or local ('2026-11-24 21:10'). 'stoop process template KIND' writes a\n"
     "process file. --yes skips the last question, not the passphrase.\n\n"
     "example: stoop request --at 52.52,13.405 --radius 80 --from '2026-11-24 21:10' \\\n"
     "           --to '2026-11-24 21:13' --reason 'Hit and run, silver hatchback' --voluntary\n"},
    {"process", "legal process: a template, a check", cmd_process,
     "usage: stoop process template KIND | stoop process check FILE | stoop process rules\n\n"
     "KIND: search_warrant, court_order, production_order, subpoena, preservation, emergency.\n\n"
     "example: stoop process template search_warrant > warrant.conf\n"},
    {"requests", "requests that are open", cmd_requests,
     "usage: stoop requests [--json]\n\nexample: stoop requests\n"},
    {"review", "decide about footage of this home, one clip at a time", cmd_review,
     "usage: stoop review [CODE] [--player COMMAND | --to DIR]\n\n"
     "Shows each clip that a request touches. To accept, type the request's code when it is\n"
     "asked for; no answer means no. Needs a terminal.\n"
     "  --player COMMAND  'p' hands the clip to this program, as a file in memory\n"
     "  --to DIR          'p' and 'w' write into DIR and leave it there (default: a private\n"
     "                    place in memory, removed when the review ends)\n\n"
     "example: stoop review 4F2A-91 --player mpv\n"},
    {"delivered", "clips that others granted to this home", cmd_delivered,
     "usage: stoop delivered [--json]\n\nexample: stoop delivered\n"},
    {"collect", "open, check and write what was delivered", cmd_collect,
     "usage: stoop collect [CODE] [--to DIR]\n\n"
     "Writes each clip as an MP4 with a custody certificate (text and JSON) into DIR\n"
     "(default: the current folder).\n\n"
     "example: stoop collect 4F2A-91 --to ~/evidence\n"},
    {"log", "this home's log: show, verify, prove", cmd_log,
     "usage: stoop log show [--json] | log verify [DIR --key VKEY] | log proof N [--json]\n\n"
     "'verify' recomputes the tree from the files in DIR (default: this home's own).\n\n"
     "example: stoop log verify\n"},
    {"vault", "sealed clips: list, export as age files", cmd_vault,
     "usage: stoop vault list [--json] | vault export CLIP --out FILE\n\n"
     "An exported clip is a standard age file; it stays sealed to the owners.\n\n"
     "example: stoop vault export 9c1e77a0 --out clip.age\n"},
};

static int run_command(struct cli *cli, const char *name);
static int help(const char *name);
static void overview(FILE *to);
static const struct command *find(const char *name);
static const char *nearest(const char *name);
static void default_folders(struct cli *cli);

int main(int argc, char **argv) {
    static const struct option table[] = {
        {"home", required_argument, NULL, 'd'}, {"owner-dir", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},    {NULL, 0, NULL, 0},
    };
    static struct cli cli;
    int option = 0;
    tzset();
    default_folders(&cli);
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+h", table, NULL)) != -1) {
        switch (option) {
        case 'd':
            (void)snprintf(cli.home, sizeof cli.home, "%s", optarg);
            break;
        case 'o':
            (void)snprintf(cli.owner_dir, sizeof cli.owner_dir, "%s", optarg);
            break;
        case 'j':
            cli.json = true;
            break;
        case 'h':
            overview(stdout);
            return EXIT_DONE;
        case 'V':
            (void)puts("stoop " STOOP_VERSION);
            return EXIT_DONE;
        default:
            (void)fprintf(stderr, "stoop: unknown option '%s'\nsee 'stoop --help'\n",
                          argv[optind - 1]);
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[optind], "help") == 0) {
        return help(argv[optind + 1]);
    }
    cli.argc = argc - optind;
    cli.argv = argv + optind;
    if (!crypto_start()) {
        return fail(NULL, "this computer has no good randomness");
    }
    return run_command(&cli, argv[optind]);
}

int fail(const char *next, const char *format, ...) {
    va_list arguments;
    (void)fputs("stoop: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "\n%s%s", next == NULL ? "" : next, next == NULL ? "" : "\n");
    return EXIT_FAILED;
}

int usage_error(const char *command, const char *format, ...) {
    va_list arguments;
    (void)fputs("stoop: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "\nsee 'stoop help %s'\n", command);
    return EXIT_USAGE;
}

int take_options(struct cli *cli, const struct cli_option *options, size_t count, int min_operands,
                 int max_operands) {
    int operands = 0;
    for (int i = 1; i < cli->argc; i++) {
        char *word = cli->argv[i];
        if (word[0] != '-' || word[1] == '\0') {
            cli->argv[++operands] = word;
            continue;
        }
        if (strcmp(word, "--json") == 0) {
            cli->json = true;
            continue;
        }
        char *equals = strchr(word, '=');
        size_t len = equals == NULL ? strlen(word) : (size_t)(equals - word);
        size_t k = 0;
        while (k < count &&
               (strlen(options[k].name) != len || strncmp(options[k].name, word, len) != 0)) {
            k++;
        }
        if (k == count) {
            return usage_error(cli->argv[0], "unknown option '%s'", word);
        }
        if (options[k].flag != NULL) {
            *options[k].flag = true;
            continue;
        }
        const char *value = equals != NULL ? equals + 1 : i + 1 < cli->argc ? cli->argv[++i] : NULL;
        if (value == NULL) {
            return usage_error(cli->argv[0], "'%s' needs a value", word);
        }
        if (options[k].list != NULL) {
            if (*options[k].list_count == options[k].list_max) {
                return usage_error(cli->argv[0], "too many '%s'", word);
            }
            options[k].list[(*options[k].list_count)++] = value;
        } else if (*options[k].value != NULL) {
            return usage_error(cli->argv[0], "'%s' is given twice", options[k].name);
        } else {
            *options[k].value = value;
        }
    }
    if (operands < min_operands || operands > max_operands) {
        return usage_error(cli->argv[0],
                           operands < min_operands ? "something is missing" : "unexpected '%s'",
                           operands < min_operands ? "" : cli->argv[max_operands + 1]);
    }
    cli->argc = operands + 1;
    return 0;
}

static int run_command(struct cli *cli, const char *name) {
    const struct command *command = find(name);
    if (command == NULL) {
        const char *near = nearest(name);
        (void)fprintf(stderr, "stoop: unknown command '%s'\n", name);
        if (near != NULL) {
            (void)fprintf(stderr, "did you mean 'stoop %s'?\n", near);
        }
        (void)fputs("see 'stoop --help'\n", stderr);
        return EXIT_USAGE;
    }
    for (int i = 1; i < cli->argc; i++) {
        if (strcmp(cli->argv[i], "--help") == 0 || strcmp(cli->argv[i], "-h") == 0) {
            (void)fputs(command->help, stdout);
            return EXIT_DONE;
        }
    }
    return command->run(cli);
}

static int help(const char *name) {
    const struct command *command = name == NULL ? NULL : find(name);
    if (name == NULL) {
        overview(stdout);
        return EXIT_DONE;
    }
    if (command == NULL) {
        return usage_error("", "unknown command '%s'", name);
    }
    (void)fputs(command->help, stdout);
    return EXIT_DONE;
}

static void overview(FILE *to) {
    (void)fputs("usage: stoop [--home DIR] [--owner-dir DIR] [--json] COMMAND ...\n\n", to);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fputs(
        "\n'stoop help COMMAND' says more. Exit codes: 0 done, 1 failed, 2 usage, 3 declined "
        "or\nleft pending, 5 no terminal, 10 the node is not running.\n",
        to);
}

static const struct command *find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* The command that shares the longest beginning, if it is two letters at least. */
static const char *nearest(const char *name) {
    const char *best = NULL;
    size_t most = 1;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        size_t same = 0;
        while (name[same] != '\0' && name[same] == commands[i].name[same]) {
            same++;
        }
        if (same > most) {
            most = same;
            best = commands[i].name;
        }
    }
    return best;
}

static void default_folders(struct cli *cli) {
    const char *user = getenv("HOME");
    const char *home = getenv("STOOP_HOME");
    const char *share = getenv("XDG_DATA_HOME");
    const char *config = getenv("XDG_CONFIG_HOME");
    user = user == NULL ? "" : user;
    if (home != NULL && *home != '\0') {
        (void)snprintf(cli->home, sizeof cli->home, "%s", home);
    } else if (share != NULL && *share != '\0') {
        (void)snprintf(cli->home, sizeof cli->home, "%s/stoop", share);
    } else {
        (void)snprintf(cli->home, sizeof cli->home, "%s/.local/share/stoop", user);
    }
    if (config != NULL && *config != '\0') {
        (void)snprintf(cli->owner_dir, sizeof cli->owner_dir, "%s/stoop", config);
    } else {
        (void)snprintf(cli->owner_dir, sizeof cli->owner_dir, "%s/.config/stoop", user);
    }
}
