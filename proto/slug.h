/* How a home calls one of the communities it belongs to: in a folder's name, on the command line
 * and in its camera list, never to others. The first one lies in the data folder itself and is
 * called SLUG_FIRST; each further one has DIR/communities/NAME (PROTOCOL 1.3). */
#ifndef PROTO_SLUG_H
#define PROTO_SLUG_H

#include <stdbool.h>

#define SLUG_FIRST "first"
#define FURTHER_FOLDER "communities"

enum {
    COMMUNITIES_MAX = 8, /* that a home belongs to, and its cameras may be asked from */
    SLUG_MAX_BYTES = 25, /* NUL included: a socket's path has no room for more */
};

/* Of a further one: 1 to 24 of [a-z0-9-], no '-' at an end, not SLUG_FIRST. */
bool slug_valid(const char *name);
/* The nearest thing to what was typed, "Elm Street" as "elm-street"; empty when nothing is left. */
void slug_of(const char *typed, char out[SLUG_MAX_BYTES]);

#endif
