/* How the supervisor and the programs that it starts know each other (README).
 */
#ifndef NODE_BASE_SUPERVISE_H
#define NODE_BASE_SUPERVISE_H

enum {
    /* A child's descriptors, from this one on: the lock, held and not used, so that the home is
     * taken until the last child has gone; then those that its options name. Over a node's control
     * pair it says 'R' when it is ready, and is sent one byte with the descriptor of its end of the
     * pair with each new ingest. SIGHUP asks ingest to end when it is between two clips, and start
     * anew with a pair for each node. */
    SUPERVISE_FIRST_FD = 3,

    /* Bytes of the lock file that are locked: by a stoopd as long as it lives; by its children too.
     */
    SUPERVISE_LOCK_SUPERVISOR = 0,
    SUPERVISE_LOCK_CHILDREN = 1,

    /* Exit codes. */
    SUPERVISE_EXIT_AGAIN = 75,  /* ingest: the camera list has changed, start me with new walls, or
                                   I was asked to */
    SUPERVISE_EXIT_CONFIG = 78, /* it will not get better by itself: stop */
};

#endif
