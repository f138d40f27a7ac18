/* What a simulation is made of. All of it is numbers, so that a failing one can be written down in
 * one line, and made smaller. */
#ifndef TESTS_SIM_PARAMS_H
#define TESTS_SIM_PARAMS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum hostile_kind {
    HONEST,
    DROPPER,  /* takes part in all, forwards no object and reconciles none */
    LIAR,     /* announces what it never gives, and what does not exist */
    FLOODER,  /* forged objects, duplicates, expired ones, as fast as it can */
    ECLIPSER, /* a crew that names only itself and takes all places that it can get */
    POISONER, /* shuffles members that do not exist or are dead */
    REPLAYER, /* pushes what has expired, again and again */
    WASTER,   /* says of all that it forwards that it goes everywhere */
    FLEETING, /* makes objects that are gone when somebody asks for them, another for each link */
    HOSTILE_KINDS
};

enum fault {             /* bits */
    FAULT_CUT = 1,       /* the network falls into parts */
    FAULT_SILENCE = 2,   /* some links let nothing through one way */
    FAULT_SUSPEND = 4,   /* a node and its clock stand still */
    FAULT_RESTART = 8,   /* a node crashes and starts again with what is on its disk */
    FAULT_CRASH = 16,    /* the same between commit and release */
    FAULT_CHURN = 32,    /* nodes die for good, others join */
    FAULT_CLOCK = 64,    /* wall clocks are wrong, and set */
    FAULT_REMOVE = 128,  /* members are removed */
    FAULT_RECORDS = 256, /* objects that replace each other */
    FAULTS_ALL = 511,
};

struct params {
    uint64_t seed;
    uint32_t nodes;
    uint32_t communities;              /* of a federation, of `nodes` homes each; else 0 */
    uint32_t known;                    /* members that a node knows from the start */
    uint32_t start_ms;                 /* within which all start */
    uint32_t warm_s;                   /* before anything is measured */
    uint32_t run_s;                    /* while it is measured, or faults happen */
    uint32_t drain_s;                  /* what was sent late may still arrive */
    uint32_t calm_s;                   /* after faults: the longest until all is well */
    uint32_t every_ms;                 /* a message from a random node */
    uint32_t size;                     /* of an object, bytes */
    uint32_t life_s;                   /* until it expires */
    uint32_t urgent_pct;               /* of messages */
    uint32_t latency_min, latency_max; /* ms, one way, drawn for each pair */
    uint32_t lines;     /* 1: drawn for each node instead; a pair's is the mean of both */
    uint32_t lognormal; /* 1: median and spread such that 90 % lie between these two */
    uint32_t loss_pct;  /* of segments: each costs a retransmission, as TCP does it */
    uint32_t rate;      /* bytes/s of a link, 0: no limit */
    uint32_t slow_pct;  /* of nodes, which read slow_rate bytes/s of a link */
    uint32_t slow_rate;
    uint32_t nat_pct; /* cannot be dialled */
    uint32_t groups;  /* parts of the network (/24) that nodes live in; 0: as many as nodes */
    uint32_t kill_pct;
    uint32_t kill_every_ms; /* a message, from the kill on */
    uint32_t hostile_pct;
    uint32_t hostile;  /* bits: 1 << enum hostile_kind */
    uint32_t echo;     /* 1: eclipsers announce what all have, to look as if they brought something;
                          2: and give it to whoever has it, to pass a test */
    uint32_t silent;   /* 1: they say nothing on the links that they make, many to one home */
    uint32_t faults;   /* bits: enum fault */
    uint32_t clock_s;  /* the most that wall clocks are off */
    uint32_t join_ms;  /* one joins */
    uint32_t churn_ms; /* one dies and one joins */
    uint32_t cut_s;
};

/* "name=value"; faults and hostile also as names with commas. False: no such thing. */
bool params_set(struct params *params, const char *text);
/* Those that differ, as options. */
void params_print(const struct params *params, const struct params *usual, FILE *to);

#endif
