/* stoop: the person's command. One command, one question to the node, one answer printed. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/reach.h"

struct command {
    const char *name;
    const char *summary;
    int (*run)(struct cli *cli);
    const char *help;
};

static const struct command commands[] = {
    {"init", "make a home on this machine", cmd_init,
     "usage: stoop init [--owner NAME] [--co-owner LINE]... [--listen A:P]\n"
     "                  [--address A:P]... [--service]\n"
     "       stoop init --community NAME [--listen A:P] [--address A:P]... [--service]\n"
     "\n"
     "Makes the data folder, the keys of node and ingest, the owner's key (sealed\n"
     "with a passphrase that you choose), and pins the owners' public keys.\n"
     "  --owner NAME     your name as neighbours see it (default: login name)\n"
     "  --co-owner LINE  the line that 'stoop key new' printed for another owner; may\n"
     "                   be repeated\n"
     "  --listen A:P     where to take dials (default 0.0.0.0:7878)\n"
     "  --address A:P    where others can dial this home, as 203.0.113.7:7878: names\n"
     "                   are not looked up; may be repeated. It stands in the file\n"
     "                   'config': edit it there when it changes, and restart stoopd\n"
     "  --service        as root: the home is the system's, in /var/lib/stoop; node\n"
     "                   and ingest run as users of their own, the key in --owner-dir\n"
     "                   is its owner's\n"
     "  --community NAME make room for a further community in the home that there is:\n"
     "                   a node of its own, by default on the next free port; see\n"
     "                   'stoop help communities'\n"
     "\n"
     "example: stoop init --owner Ada --address 203.0.113.7:7878\n"
     "         sudo stoop --owner-dir ~/.config/stoop init --service --owner Ada \\\n"
     "              --address 203.0.113.7:7878\n"
     "         STOOP_HOME=~/two/data XDG_CONFIG_HOME=~/two/config stoop init \\\n"
     "              --listen 127.0.1.2:7878 --address 127.0.1.2:7878\n"
     "         (a second home on this machine; every command for it, stoopd too, is\n"
     "         given the same two folders)\n"},
    {"key", "owner keys: make, show, export for age; passphrase", cmd_key,
     "usage: stoop key new [--owner NAME] | key show | key passphrase\n"
     "       stoop key export-age [--out FILE]\n"
     "\n"
     "'new' makes an owner key in the owner's folder (--owner-dir), for a co-owner.\n"
     "'show' prints its public line, which 'stoop init --co-owner' takes.\n"
     "'passphrase' asks for the old one, then for another in its place; the key stays.\n"
     "'export-age' writes the secret that opens this home's clips with the stock age\n"
     "tool.\n"
     "\n"
     "example: stoop --owner-dir ~/grace key new --owner Grace\n"},
    {"status", "how this home is doing", cmd_status,
     "usage: stoop status [--json]\n"
     "\n"
     "example: stoop status\n"},
    {"communities", "the communities that this home is in", cmd_communities,
     "usage: stoop communities [--json]\n"
     "       stoop communities remove NAME\n"
     "\n"
     "A home may be in up to 8 communities, each with a node, log and vault of its\n"
     "own: no link of one has to do with another. Cameras and owners are the same, so\n"
     "who is in two of them as well can tell by the owners' keys. 'stoop init\n"
     "--community NAME' makes room for a further one; the one the home began with is\n"
     "called 'first'. Each command takes --community NAME, or $STOOP_COMMUNITY, to be\n"
     "about one of them. Without it, what only reads shows all; what names a request,\n"
     "or an act, by its code finds it; what changes something asks which.\n"
     "\n"
     "'remove' ends a further one's node and deletes its folder, after a question:\n"
     "its keys, log and vault. It has to be left before, with 'stoop --community NAME\n"
     "leave', and what was delivered there deleted, with 'stoop delete'. Broken off,\n"
     "it goes on when it is given again.\n"
     "\n"
     "example: stoop init --community 'Oak Lane'\n"
     "         stoop --community oak-lane join stoop1:AAAA...\n"
     "         stoop --community oak-lane leave\n"
     "         stoop communities remove oak-lane\n"},
    {"doctor", "what this machine lacks", cmd_doctor,
     "usage: stoop doctor [--json]\n"
     "\n"
     "Looks at kernel, memory, programs, clock, disk, folders, port and cameras, and\n"
     "says what to do about each fault. Fails when something is missing that Stoop\n"
     "cannot do without.\n"
     "\n"
     "example: stoop doctor\n"},
    {"community", "found one, invite into it, join one, export it", cmd_community,
     "usage: stoop community found NAME [--name HOME] [--slot SECONDS] [--allowance N]\n"
     "                             [--witnesses N] [--authority FILE]...\n"
     "                             [--agency NAME=NUMBER]... [--co-sign DIR]...\n"
     "       stoop community invite [--days N] [--role home|requester] [--allowance N]\n"
     "                              [--no-qr | --spoken [--minutes N]] [--json]\n"
     "       stoop community join CODE [--name HOME] [--co-sign DIR]... [--yes]\n"
     "       stoop community show [--json]\n"
     "       stoop community export DIR\n"
     "\n"
     "'invite' prints a code, as text and as a QR picture, that lets one home join\n"
     "within N days (default 2). Send it to one person only: who uses it first has\n"
     "it. 'join' says what it is about to trust, asks, and uses it; with '-' for CODE\n"
     "it is read from the terminal, and stays out of the shell's history. 'show' is\n"
     "'stoop charter show'. 'export' writes the charter, every act, certificate,\n"
     "renewal and removal as they were signed, a file each, for whoever checks them\n"
     "with other means (tests/verify_membership.py).\n"
     "  --spoken         print a line that is no secret, and a few words to be said;\n"
     "                   who joins by that line is asked for them, and has one try\n"
     "  --minutes N      how long the words are good, 1 to 60 (default 10)\n"
     "  --yes            do not ask whether to join\n"
     "  --name HOME      this home as neighbours see it (default: its owner's name)\n"
     "  --slot SECONDS   length of a log slot, 1 to 3600 (default 60)\n"
     "  --allowance N    how many members each home may invite, 0 to 64 (default 8),\n"
     "                   or how many the invited home may (default 4)\n"
     "  --agency A=N     an agency and the number to call it back on, as you looked it\n"
     "                   up yourself: 'Riverside PD=+1 951 555 0100'; up to 16. The\n"
     "                   prompt shows it, and no number that a request gives\n"
     "  --witnesses N    neighbours who should cosign each home's log, 0 to 8\n"
     "                   (default 2)\n"
     "  --role ROLE      home (default), or requester: may ask, has no cameras\n"
     "  --authority FILE a certificate (PEM or DER) whose courts' seals count; up to 4\n"
     "  --co-sign DIR    owner folder of a co-owner who signs too\n"
     "\n"
     "example: stoop community found 'Elm Street'\n"
     "         stoop community invite --days 7\n"
     "         stoop community join stoop1:AAAA...\n"},
    {"charter", "the community's rules: show, edit, propose, sign", cmd_charter,
     "usage: stoop charter show [--json]\n"
     "       stoop charter edit [FILE] [--force]\n"
     "       stoop charter propose FILE\n"
     "       stoop charter proposals [--json]\n"
     "       stoop charter sign CODE\n"
     "       stoop charter history [--json]\n"
     "\n"
     "Its administrators change a charter together: as many of them as it says.\n"
     "'edit' writes it into FILE (default charter.conf), every line explained;\n"
     "'propose' shows what FILE changes and signs that; 'sign' shows the same to the\n"
     "others, worked out from what they sign, and asks for its code. When enough have\n"
     "signed, within 7 days, every home follows it. Of two acts that follow the same\n"
     "one a single one counts, everywhere the same; the other is told as lost.\n"
     "'history' lists every act.\n"
     "  --force  overwrite FILE\n"
     "\n"
     "example: stoop charter edit\n"
     "         stoop charter propose charter.conf\n"
     "         stoop charter sign 4F2A-91\n"},
    {"members", "who belongs to the community, on whose word", cmd_members,
     "usage: stoop members [--json]\n"
     "\n"
     "Those whom a member brought in stand below it, set in. A certificate runs until\n"
     "its day, and is renewed before by a home above it, while both belong; where no\n"
     "home is left that could, by administrators: see 'stoop help renew'.\n"
     "  here, linked, away   this home; linked with it now, or not, which is no fault\n"
     "  removed, expired     belongs no more; its requests and clips are refused\n"
     "  displaced            this home: who brought it in let in more than it may\n"
     "  outside              is no member, and may ask: see 'stoop help outsider'\n"
     "\n"
     "example: stoop members\n"},
    {"remove", "take a member out", cmd_remove,
     "usage: stoop remove NAME|ID [--with-those-it-brought] [--reason TEXT]\n"
     "\n"
     "Whom this home brought in it can take out by itself, at once. Anyone else the\n"
     "administrators take out together: each of the others signs with 'stoop charter\n"
     "sign CODE'. Every home ends its links with it as the news comes there. It is for\n"
     "good. ID is the beginning of its certificate, as 'stoop members --json' has it.\n"
     "An administrator whom the others take out decides no more either; one that its\n"
     "sponsor takes out alone stays in the charter until they change that.\n"
     "  --with-those-it-brought  and all below it\n"
     "  --reason TEXT            up to 128 bytes; every home is shown it\n"
     "\n"
     "example: stoop remove 'Acme Insurance' --reason 'passed clips on'\n"},
    {"renew", "let a certificate run on that no home renews", cmd_renew,
     "usage: stoop renew NAME|ID [--days N]\n"
     "\n"
     "A certificate ends, and with it those of all below it. The home that brought a\n"
     "member in renews it by itself, or one above that; a founder's home renews its\n"
     "own. Where all of these have left, or have not done it in time, administrators\n"
     "do it together: each of the others signs with 'stoop charter sign CODE'. It is\n"
     "refused where a home does it by itself. A home that left does not come back by\n"
     "it: its certificate is renewed for those whom it brought in.\n"
     "  --days N  how long it runs from now on, 1 to 3660 (default 365)\n"
     "\n"
     "example: stoop renew Ada --days 730\n"},
    {"outsider", "who may ask from outside, and by whose word", cmd_outsider,
     "usage: stoop outsider door [--json]\n"
     "       stoop outsider apply DOOR-CODE... --name NAME --kind KIND\n"
     "                            [--anew] [--co-sign DIR]... [--json]\n"
     "       stoop outsider propose APPLICATION --instruments LIST --live N --days N\n"
     "                              [--door HOME]...\n"
     "       stoop outsider list [--json]\n"
     "       stoop outsider suspend NAME\n"
     "       stoop outsider resume NAME\n"
     "       stoop outsider officer add NAME --key DIR [--days N]\n"
     "       stoop outsider officer list [--json]\n"
     "       stoop outsider officer remove NAME\n"
     "\n"
     "An outsider may ask, and nothing else: it is no member, sees no other requests,\n"
     "members or homes, and reaches the community through a few homes that are its\n"
     "doors. Administrators let it in together, suspend and resume it; 'stoop remove'\n"
     "ends it for good.\n"
     "  door     at a home: prints its door code, which is no secret\n"
     "  apply    at the outsider's own home ('stoop init', no cameras): makes its\n"
     "           certificate and prints the application. KIND is agency, defence,\n"
     "           insurer, press or other. By the same again, it prints the same one\n"
     "  propose  an administrator: APPLICATION is that text, or the file it is in; the\n"
     "           others sign with 'stoop charter sign'. Again, it changes what stands\n"
     "  officer  at the outsider: who asks in its name, with a key of their own\n"
     "           ('stoop --owner-dir DIR key new'), by 'stoop --owner-dir DIR request'\n"
     "  --instruments LIST  as 'search_warrant,subpoena', or all\n"
     "  --live N            requests at a time, with all its officers, 1 to 10\n"
     "  --days N            until when, 1 to 400; an officer's by its outsider's end\n"
     "  --door HOME         its doors (default: those that it applied with)\n"
     "  --anew              apply with another certificate: the earlier text is void\n"
     "\n"
     "example: stoop outsider propose riverside.txt --instruments search_warrant \\\n"
     "           --live 3 --days 180\n"},
    {"leave", "this home leaves the community", cmd_leave,
     "usage: stoop leave\n"
     "\n"
     "For good. Log, vault and what was delivered stay here, and what was promised\n"
     "holds: clips of others are to be deleted by their day. The room that was made\n"
     "for a further community goes with 'stoop communities remove NAME'.\n"
     "\n"
     "example: stoop leave\n"
     "         stoop --community oak-lane leave\n"},
    {"treaty", "let another community ask here, and ask there", cmd_treaty,
     "usage: stoop treaty side [--clerk HOME]... [--json]\n"
     "       stoop treaty propose SIDE [--days N] [--instruments WORDS]\n"
     "                            [--roles WORDS] [--span TIME] [--area SIZE]\n"
     "                            [--live N] [--daily N] [--clerk HOME]...\n"
     "       stoop treaty propose TREATY\n"
     "       stoop treaty list [--json]\n"
     "       stoop treaty show NAME|ID\n"
     "       stoop treaty end NAME|ID\n"
     "\n"
     "By a treaty, requests of either community go to the homes of the other too.\n"
     "'side' prints a line that says who this community is: one street gives it to\n"
     "an administrator of the next, who makes a treaty of both sides with 'propose'\n"
     "and gives that line back; the first proposes the same. It stands once both have\n"
     "decided it. The other administrators sign with 'stoop charter sign CODE'. What\n"
     "is asked crosses through homes that are in both communities, the gateways, which\n"
     "'list' counts and 'show' names: while there is none, nothing crosses. Neither\n"
     "charter is loosened by it. 'show' prints its line again. 'end' ends it here: the\n"
     "next request crosses no more, what has crossed lives on until its own end.\n"
     "  --clerk HOME         a home that tells the other side who belongs here: up to\n"
     "                       4 (default: the administrators' homes)\n"
     "  --days N             how long it stands, 1 to 3650 (default 365)\n"
     "  --instruments WORDS  what may be asked with, as 'voluntary, search_warrant'\n"
     "                       (default: what the charter allows)\n"
     "  --roles WORDS        who may ask: home, requester, administrator (default:\n"
     "                       all who may ask here)\n"
     "  --span TIME          longest time asked for, as '90 min'\n"
     "  --area SIZE          largest place asked about, as '300 m2' or '0.25 sq mi'\n"
     "  --live N             live requests of one asker, 1 to 10 (default of these\n"
     "                       three: the charter's)\n"
     "  --daily N            requests that cross in a day, each way, 1 to 64\n"
     "                       (default 16)\n"
     "\n"
     "example: stoop treaty side\n"
     "         stoop treaty propose stoop-side1:AAAA... --instruments voluntary\n"
     "         stoop treaty propose stoop-treaty1:AAAA...\n"
     "         stoop treaty end 'Oak Street'\n"},
    {"meet", "compare words with another home's owner", cmd_meet,
     "usage: stoop meet HOME [--json]\n"
     "\n"
     "Two members who hear each other, on the phone or over the fence, both run it at\n"
     "the same time, each with the other's home. Both are shown four words: the same\n"
     "ones, unless somebody stands between them. When you say that they are the same,\n"
     "your own folder notes that these keys are theirs, and 'stoop review' tells you\n"
     "so whenever they ask. HOME is a name, or the beginning of a certificate.\n"
     "\n"
     "example: stoop meet Ben\n"},
    {"peers", "whom this home is linked with, and why links went", cmd_peers,
     "usage: stoop peers [--json | --dot]\n"
     "\n"
     "Shows the homes that this one has links with now: who dialled whom, for how\n"
     "long, what went over each, and why the last links went. That links come and go\n"
     "is as it should be: each home keeps a few by itself, whoever lives next door.\n"
     "  tree, ids   what is new goes over the links of the tree at once; over the\n"
     "              others goes its id, and the rest when it is asked for\n"
     "  anchor      a link that is kept over a restart, and not given up for others\n"
     "  faults      a link with 100 points is closed; they wear off\n"
     "  --dot       print the picture for Graphviz\n"
     "Addresses of neighbours are shown to you alone, and stand in no journal.\n"
     "\n"
     "example: stoop peers\n"
     "         stoop peers --dot | dot -Tsvg > links.svg\n"},
    {"invite", "short for 'community invite'", cmd_invite,
     "usage: stoop invite [--days N] [--role home|requester] [--allowance N]\n"
     "                    [--no-qr | --spoken [--minutes N]] [--json]\n"
     "\n"
     "Short for 'stoop community invite': see 'stoop help community'.\n"
     "\n"
     "example: stoop invite --days 7\n"
     "         stoop invite --spoken\n"},
    {"join", "short for 'community join'", cmd_join,
     "usage: stoop join CODE [--name HOME] [--co-sign DIR]... [--yes]\n"
     "\n"
     "Short for 'stoop community join': see 'stoop help community'.\n"
     "\n"
     "example: stoop join stoop1:AAAA...\n"},
    {"camera", "cameras that may be asked about: add, edit, list", cmd_camera,
     "usage: stoop camera add NAME --folder DIR --layout frigate|mediamtx|motion|plain\n"
     "                        --at LAT,LON --reach METRES [--facing DEG --angle DEG]\n"
     "                        [--indoor [--open]] [--clock-offset MS]\n"
     "                        [--owner NAME]... [--community NAME]...\n"
     "                        [--co-sign DIR]...\n"
     "       stoop camera edit NAME (--community NAME... | --everywhere)\n"
     "                         [--co-sign DIR]...\n"
     "       stoop camera list [--json]\n"
     "       stoop camera remove NAME [--co-sign DIR]...\n"
     "\n"
     "--layout says how the recorder names its files, from which times are told:\n"
     "  frigate   YYYY-MM-DD/HH/CAMERA/MM.SS.mp4, UTC; NAME is what Frigate calls it\n"
     "  mediamtx  YYYY-MM-DD_HH-MM-SS-ffffff.mp4, local time\n"
     "  motion    ...-YYYYMMDDHHMMSS.mp4, local time\n"
     "  plain     any; date and time in the name are local, else the file's own count\n"
     "\n"
     "A camera's place never leaves this home. Without --owner all owners must\n"
     "accept. In a home that is in several communities (see 'stoop help communities')\n"
     "it may be asked for in those that --community names; without one, in all, also\n"
     "those that the home joins later. One that is removed is no longer asked about,\n"
     "also for what it has recorded; what is sealed of it still waits for you.\n"
     "\n"
     "example: stoop camera add porch --folder /srv/cctv/porch --layout motion \\\n"
     "           --at 52.52001,13.40495 --reach 30 --facing 90 --angle 100\n"},
    {"request", "ask the community for footage", cmd_request,
     "usage: stoop request --at LAT,LON --radius METRES --from TIME --to TIME\n"
     "                     --reason TEXT\n"
     "                     (--voluntary |\n"
     "                      --process FILE [--document FILE [--seal FILE]])\n"
     "                     [--days N] [--delete-days N] [--yes]\n"
     "       stoop request --amend CODE [what is to be different] [--yes]\n"
     "       stoop request --withdraw CODE [--yes]\n"
     "       stoop request status [CODE] [--json]\n"
     "\n"
     "TIME is RFC 3339 or local ('2026-11-24 21:10'). 'stoop process template KIND'\n"
     "writes a process file. Says how broad the request is, who will see it and what\n"
     "fails before it asks whether to send it, and which communities it goes to by\n"
     "treaty. --yes skips that question, not the passphrase.\n"
     "  --days N         how long homes may answer: 1 to 7 (default 3)\n"
     "  --delete-days N  how long you may keep what they grant (default 30)\n"
     "  --document FILE  the court's document: a PDF, a PNG or plain text, up to 2 MiB\n"
     "  --seal FILE      the court's own detached signature of it (CMS, in DER)\n"
     "  --amend CODE     a new request in place of an own one: what is not named is as\n"
     "                   it was; the earlier one ends, and homes decide anew\n"
     "  --withdraw CODE  takes an own request back: it ends at every home; what was\n"
     "                   delivered stays until its day\n"
     "'status' tells what was delivered and is coming. How many homes a request has\n"
     "reached is not known: a home that grants nothing does not answer. With --json\n"
     "its state is one of open, ended, withdrawn, amended (the id of the one in its\n"
     "place is amended_by, of the last in its place newest) and taken_back (withdrawn\n"
     "or amended, and by what is no longer known; or who asked is no member any more).\n"
     "\n"
     "example: stoop request --at 52.52,13.405 --radius 80 --from '2026-11-24 21:10' \\\n"
     "           --to '2026-11-24 21:13' --reason 'Hit and run, silver hatchback' \\\n"
     "           --voluntary\n"},
    {"process", "legal process: a template, a check, the rules", cmd_process,
     "usage: stoop process template KIND > FILE\n"
     "       stoop process check FILE [--document FILE [--seal FILE]] [--json]\n"
     "       stoop process rules [--json]\n"
     "       stoop process periods [--json]\n"
     "\n"
     "KIND: search_warrant, court_order, production_order, subpoena, preservation,\n"
     "emergency, voluntary. 'check' tells every fault of a file and every broken rule\n"
     "of legal process at once, with its line and its source; it fails when homes\n"
     "would refuse such a request. --seal needs the node, which has the charter.\n"
     "'rules' prints the rules, 'periods' how long each jurisdiction lets a warrant\n"
     "be executed, as far as it is known here.\n"
     "\n"
     "example: stoop process template search_warrant > warrant.conf\n"
     "         stoop process check warrant.conf --document warrant.pdf\n"},
    {"requests", "requests that are open", cmd_requests,
     "usage: stoop requests [CODE] [--json]\n"
     "       stoop requests --watch [--soon MINUTES] [--json]\n"
     "                      [--notify -- PROGRAM [ARGUMENT]...]\n"
     "\n"
     "What its author took back is listed as withdrawn or amended until its end. Which\n"
     "cameras of this home one touches is counted by your own copy of the camera list.\n"
     "  --watch   a line when one comes, waits for you, is about to end and ends,\n"
     "            until Ctrl-C; it goes on when the node was restarted\n"
     "  --soon N  minutes before its end (default: an hour, or a tenth of its life)\n"
     "  --notify  runs PROGRAM, for at most 30 s, when a clip waits for your decision,\n"
     "            once a request, and once more before its end. It gets the words '1\n"
     "            request waits: 4F2A-91' as its last argument and the same as JSON on\n"
     "            its standard input, never who asks, for what or where. What rules,\n"
     "            mutes and quiet hours hide is not told; a claimed order is.\n"
     "\n"
     "example: stoop requests\n"
     "         stoop requests --watch --notify -- notify-send Stoop\n"},
    {"callback", "record that you rang a request's agency", cmd_callback,
     "usage: stoop callback CODE --outcome confirmed|denied|not-reached\n"
     "                      [--spoke-to NAME] [--note TEXT] [--at TIME] [--json]\n"
     "\n"
     "Ring the number that 'stoop requests CODE' and 'stoop review' show: it is the\n"
     "community's own. Who asks, and for what, is shown again before you sign: compare\n"
     "it with what you rang about. What you were told is signed and shown to every\n"
     "home, under this home's name. It decides nothing. A second record takes the\n"
     "place of the first.\n"
     "  --spoke-to NAME  who answered\n"
     "  --note TEXT      up to 200 bytes\n"
     "  --at TIME        when you called, as RFC 3339 or local (default: now)\n"
     "\n"
     "example: stoop callback 4F2A-91 --outcome confirmed --spoke-to 'Sgt. Lee'\n"},
    {"review", "decide about footage of this home, one clip at a time", cmd_review,
     "usage: stoop review [CODE] [--player COMMAND | --to DIR]\n"
     "\n"
     "Shows each clip that a request touches. To accept, type the request's code when\n"
     "it is asked for; no answer means no. Needs a terminal. Exit code 3: declined or\n"
     "left pending.\n"
     "  --player COMMAND 'p' hands the clip to this program, as a file in memory\n"
     "  --to DIR         'p' and 'w' write into DIR and leave it there (default: a\n"
     "                   private place in memory, removed when the review ends)\n"
     "\n"
     "Before it goes you can take away from a clip, and look at what is left with 'p':\n"
     "  t 21:10:05 21:11:40  trim: only these seconds stay; '0:05 1:40' counts from\n"
     "                       the clip's beginning\n"
     "  r 10,20 30,40        redact: a rectangle is black in every picture; two\n"
     "                       corners, in percent from the picture's left and top\n"
     "  m                    mute: there is no sound\n"
     "  u                    undo the last of these\n"
     "What you accept is that very file, by its digest. Co-owners see what you took\n"
     "away; who takes more away asks you again. It is done in memory: a clip larger\n"
     "than a quarter of this computer's cannot be edited.\n"
     "\n"
     "'l' leaves a request for the next review; 'l 2h', 'l 30m' or 'l 1d' hides it for\n"
     "so long. It still ends when it ends. A request that is hidden, or muted (see\n"
     "'stoop help mute'), is shown when it is named by its code.\n"
     "\n"
     "The file 'rules' in the owner's folder may hide and order, and nothing else: no\n"
     "rule can accept.\n"
     "  [asker \"Acme Insurance\"]\n"
     "  mute = yes             not put before you, as with 'stoop mute'\n"
     "  community = oak-lane   who is called so there alone (see 'stoop communities');\n"
     "                         without this, in any community\n"
     "  [quiet]                voluntary requests wait between these times of day\n"
     "  from = 22:00\n"
     "  to = 07:00\n"
     "  [rank]\n"
     "  first = orders         claimed orders first; or 'ending' (what ends soonest,\n"
     "                         the default), or 'oldest'\n"
     "Muting and quiet hours hold for voluntary requests only. A claimed order is\n"
     "always shown.\n"
     "\n"
     "PAST counts what this owner's 'stoop review' has seen in 30 days; it is kept in\n"
     "the file 'memory' in the owner's folder and sent to nobody.\n"
     "\n"
     "example: stoop review 4F2A-91 --player mpv\n"},
    {"mute", "not to be asked by somebody", cmd_mute,
     "usage: stoop mute NAME|CODE\n"
     "       stoop mute --list [--json]\n"
     "\n"
     "Voluntary requests of this asker are no longer put before you: 'stoop requests'\n"
     "lists them as muted, they end by themselves, and nobody is told. Orders that\n"
     "they claim to have are shown as ever. The request with CODE says who it is.\n"
     "Whoever is called so in another community is somebody else.\n"
     "\n"
     "example: stoop mute 'Acme Insurance'\n"
     "         stoop mute 4F2A-91\n"},
    {"unmute", "to be asked by them again", cmd_unmute,
     "usage: stoop unmute NAME\n"
     "\n"
     "Where several communities have one of that name whom you muted, say which with\n"
     "'--community NAME', as 'stoop mute --list' has it.\n"
     "\n"
     "example: stoop unmute 'Acme Insurance'\n"},
    {"delivered", "clips that others granted to this home: list, export", cmd_delivered,
     "usage: stoop delivered [--json]\n"
     "       stoop delivered export CODE --out FILE [--identity FILE]\n"
     "\n"
     "Lists what is held and until when, where 'stoop collect' wrote it and whether it\n"
     "is still there, and what is overdue. 'stoop delete' deletes it.\n"
     "\n"
     "An exported clip is a standard age file. --identity writes the request's key\n"
     "beside it, so that a court can open the evidence with the stock age tool:\n"
     "age -d -i KEY CLIP. Where several homes answered, the beginning of the clip's\n"
     "grant stands for CODE.\n"
     "\n"
     "example: stoop delivered\n"
     "         stoop delivered export 4F2A-91 --out clip.age --identity clip.key\n"},
    {"collect", "open, check and write what was delivered", cmd_collect,
     "usage: stoop collect [CODE] [--to DIR]\n"
     "\n"
     "Writes each clip as an MP4 with a custody certificate (text and JSON) into DIR\n"
     "(default: the current folder). One that does not open or verify is told, and the\n"
     "others go on; the exit code is 1 then.\n"
     "  CODE   all that came for this request; or the beginning of one clip's grant\n"
     "\n"
     "example: stoop collect 4F2A-91 --to ~/evidence\n"},
    {"delete", "delete what was delivered, and files collected of it", cmd_delete,
     "usage: stoop delete CODE | --due [--yes] [--json]\n"
     "\n"
     "Deletes the files that 'stoop collect' wrote, where they still are and are still\n"
     "what it wrote; others are named and left. The node's own copy goes by itself on\n"
     "the day; before that 'stoop delete CODE' asks, and deletes it too. What is left\n"
     "stays listed by 'stoop delivered'. Copies made elsewhere are not known.\n"
     "  CODE   all that came for this request; or the beginning of one clip's grant\n"
     "  --due  everything whose day has come\n"
     "  --yes  do not ask\n"
     "\n"
     "example: stoop delete --due\n"},
    {"overdue", "who has kept clips beyond their day", cmd_overdue,
     "usage: stoop overdue [--json]\n"
     "\n"
     "Lists who has received clips, how many, and how many of them were deleted as the\n"
     "terms say. Every home counts this from what the askers' nodes sign in public;\n"
     "whose clips they were is not in it. A clip is overdue 48 hours after its day.\n"
     "Not known: this home was away when the deletion may have been told.\n"
     "\n"
     "example: stoop overdue\n"},
    {"log", "this home's log: show, verify, prove", cmd_log,
     "usage: stoop log show [--json]\n"
     "       stoop log verify [DIR --key VKEY [--witness VKEY]...] [--json]\n"
     "       stoop log proof N [--open] [--json]\n"
     "       stoop log forks [--json]\n"
     "\n"
     "'verify' recomputes the tree from every entry in the files of DIR (default:\n"
     "this home's own); VKEY is the key that 'stoop log verify' prints at the log's\n"
     "own home, as it does those of the witnesses who cosigned. A request that a court\n"
     "keeps secret stands there as a hash and is named on the day that ends; 'verify'\n"
     "checks that each was on record before. 'forks' lists logs of\n"
     "the community that have two pasts, with the proof. 'proof' shows that entry N is\n"
     "in the log; with --open also what a slot's commitment stands for, which nobody\n"
     "else can know: hand it out if you choose to.\n"
     "\n"
     "example: stoop log verify\n"
     "         stoop log proof 12 --open --json > proof.json\n"},
    {"vault", "sealed clips: list, export as age files", cmd_vault,
     "usage: stoop vault list [--json] | vault export CLIP --out FILE\n"
     "\n"
     "An exported clip is a standard age file; it stays sealed to the owners.\n"
     "\n"
     "example: stoop vault export 9c1e77a0 --out clip.age\n"},
};

static bool take_common_options(struct cli *cli, int argc, char **argv, int *done);
static int run_command(struct cli *cli, const char *name);
static int take_community(struct cli *cli);
static int run_here(struct cli *cli);
static int finish(struct cli *cli, int code);
static int help(const char *name);
static void overview(FILE *to);
static const struct command *find(const char *name);
static const char *nearest_command(const char *name);
static void default_folders(struct cli *cli);

int main(int argc, char **argv) {
    static struct cli cli;
    int done = EXIT_DONE;
    tzset();
    default_folders(&cli);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        cli.json |= strcmp(argv[i], "--json") == 0; /* so that errors about other options have it */
    }
    if (take_common_options(&cli, argc, argv, &done)) {
        return finish(&cli, done);
    }
    if (optind == argc) {
        overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[optind], "help") == 0) {
        return finish(&cli, help(argv[optind + 1]));
    }
    cli.argc = argc - optind;
    cli.argv = argv + optind;
    if (!crypto_start()) {
        return fail(NULL, "this computer has no good randomness");
    }
    (void)snprintf(cli.base, sizeof cli.base, "%s", cli.home);
    return finish(&cli, run_command(&cli, argv[optind]));
}

/* Those before the command. True: that was all, with *done. */
static bool take_common_options(struct cli *cli, int argc, char **argv, int *done) {
    static const struct option table[] = {
        {"home", required_argument, NULL, 'd'},
        {"owner-dir", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"community", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    int option = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:h", table, NULL)) != -1) {
        switch (option) {
        case 'd':
            (void)snprintf(cli->home, sizeof cli->home, "%s", optarg);
            cli->home_named = true;
            break;
        case 'o':
            (void)snprintf(cli->owner_dir, sizeof cli->owner_dir, "%s", optarg);
            break;
        case 'c':
            cli->community = optarg;
            break;
        case 'j':
            break;
        case 'h':
            overview(stdout);
            return true;
        case 'V':
            (void)puts("stoop " STOOP_VERSION);
            return true;
        case ':':
            *done = usage_error(NULL, "'%s' needs a value", argv[optind - 1]);
            return true;
        default:
            *done = usage_error(NULL, "unknown option '%s'", argv[optind - 1]);
            return true;
        }
    }
    return false;
}

static int finish(struct cli *cli, int code) {
    if (cli->json && code != EXIT_DONE) {
        facts_failure(code, last_error(), last_advice());
    }
    if (fflush(stdout) != 0 && code == EXIT_DONE) {
        code = fail("is the disk full?", "what was to be printed could not be written");
    }
    return code;
}

static int run_command(struct cli *cli, const char *name) {
    const struct command *command = find(name);
    if (command == NULL) {
        const char *near = nearest_command(name);
        return near == NULL
                   ? usage_error(NULL, "unknown command '%s'", name)
                   : usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, near);
    }
    for (int i = 1; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        if (strcmp(cli->argv[i], "--help") == 0 || strcmp(cli->argv[i], "-h") == 0) {
            (void)fputs(command->help, stdout);
            return EXIT_DONE;
        }
    }
    cli->command = command->name;
    int failed = take_community(cli);
    return failed == 0 ? reach_run_command(cli, run_here) : failed;
}

/* As if it stood before the command. Two commands have an option of that name themselves. */
static int take_community(struct cli *cli) {
    static const char option[] = "--community";
    size_t len = sizeof option - 1;
    int kept = 1;
    bool own = strcmp(cli->command, "init") == 0 || strcmp(cli->command, "camera") == 0;
    bool ended = false;
    for (int i = 1; i < cli->argc; i++) {
        char *word = cli->argv[i];
        ended |= strcmp(word, "--") == 0;
        if (own || ended || strncmp(word, option, len) != 0 ||
            (word[len] != '\0' && word[len] != '=')) {
            cli->argv[kept++] = word;
        } else if (word[len] == '=') {
            cli->community = word + len + 1;
        } else if (i + 1 == cli->argc) {
            return usage_error(cli->command, "'%s' needs a value", option);
        } else {
            cli->community = cli->argv[++i];
        }
    }
    cli->argc = kept;
    return 0;
}

static int run_here(struct cli *cli) {
    return finish(cli, find(cli->command)->run(cli));
}

static int help(const char *name) {
    const struct command *command = name == NULL ? NULL : find(name);
    if (name == NULL || *name == '-') {
        overview(stdout);
        return EXIT_DONE;
    }
    if (command == NULL) {
        const char *near = nearest_command(name);
        return near == NULL
                   ? usage_error(NULL, "unknown command '%s'", name)
                   : usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, near);
    }
    (void)fputs(command->help, stdout);
    return EXIT_DONE;
}

static void overview(FILE *to) {
    (void)fputs("usage: stoop [--home DIR] [--owner-dir DIR] [--community NAME] [--json]\n"
                "             COMMAND ...\n\n",
                to);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        (void)fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fputs("\n'stoop help COMMAND' says more, with an example. A new home: 'stoop init'.\n"
                "Exit codes: 0 done, 1 failed, 2 usage, 3 declined or left pending,\n"
                "            5 no terminal, 10 the node is not running.\n",
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

static const char *nearest_command(const char *name) {
    struct nearest nearest = nearest_to(name, strlen(name));
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        nearest_consider(&nearest, commands[i].name);
    }
    return nearest.best;
}

/* A person's own home, unless there is only the system's. */
static void default_folders(struct cli *cli) {
    const char *user = getenv("HOME");
    const char *home = getenv("STOOP_HOME");
    const char *share = getenv("XDG_DATA_HOME");
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *community = getenv("STOOP_COMMUNITY");
    user = user == NULL ? "" : user;
    cli->community = community == NULL || *community == '\0' ? NULL : community;
    cli->home_named = home != NULL && *home != '\0';
    if (cli->home_named) {
        (void)snprintf(cli->home, sizeof cli->home, "%s", home);
    } else if (share != NULL && *share != '\0') {
        (void)snprintf(cli->home, sizeof cli->home, "%s/stoop", share);
    } else {
        (void)snprintf(cli->home, sizeof cli->home, "%s/.local/share/stoop", user);
    }
    if (!cli->home_named && access(cli->home, F_OK) != 0 && access(SYSTEM_HOME, F_OK) == 0) {
        (void)snprintf(cli->home, sizeof cli->home, SYSTEM_HOME);
    }
    if (config != NULL && *config != '\0') {
        (void)snprintf(cli->owner_dir, sizeof cli->owner_dir, "%s/stoop", config);
    } else {
        (void)snprintf(cli->owner_dir, sizeof cli->owner_dir, "%s/.config/stoop", user);
    }
}
