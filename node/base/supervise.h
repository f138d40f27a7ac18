/* How the supervisor and the programs that it starts know each other (README).
 */
#ifndef NODE_BASE_SUPERVISE_H
#define NODE_BASE_SUPERVISE_H

enum {
    /* Descriptors that a child is started with. */
    SUPERVISE_PAIR_FD = 3,    /* node to ingest, both ends */
    SUPERVISE_LOCK_FD = 4,    /* held, not used: the home is taken until the last child has gone */
    SUPERVISE_CONTROL_FD = 5, /* node only: to the supervisor; it says 'R' when it is ready, and is
                                 sent one byte with the descriptor of each new ingest */

    /* Exit codes. */
    SUPERVISE_EXIT_AGAIN = 75,  /* ingest: the camera list has changed, start me with new walls */
    SUPERVISE_EXIT_CONFIG = 78, /* it will not get better by itself: stop */
};

#endif
